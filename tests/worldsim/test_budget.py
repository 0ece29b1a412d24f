"""A planner searches as much as fits into a time, by a clock that only imagination moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from tests.worldsim.pages import module_of
from tests.worldsim.test_planners import Bowl
from worldsim.planning.budget import fitted
from worldsim.planning.cem import CEM
from worldsim.planning.gradient import Gradient
from worldsim.planning.names import PLANNERS, make_planner
from worldsim.planning.policy import Policy

BEFORE_S = 0.00405
EACH_S = 0.0001


class Timed(Bowl):
    """The bowl; a candidate takes a tenth of a millisecond."""

    seconds = BEFORE_S

    def parts(self, actions):
        self.seconds += EACH_S * len(actions)
        return super().parts(actions)


def seconds(planner) -> float:
    """Of a plan with as many proposals as the planner asks for."""
    cost, chunks = Timed(), getattr(planner, "recorded", 1)
    mean = torch.zeros(planner.horizon, 7)
    planner.plan(cost, np.random.default_rng(0), mean, torch.zeros(chunks, *mean.shape))
    return cost.seconds


@pytest.mark.parametrize("budget_s", [0.025, 0.25])
@pytest.mark.parametrize("name", [name for name in PLANNERS if name != "policy"])
def test_every_planner_uses_up_its_time_and_no_more(name, budget_s):
    planner = make_planner(name)
    found, counts = fitted(planner, seconds, budget_s)
    assert 0.9 * budget_s < seconds(found) <= budget_s + 1e-9
    ((field, count),) = counts.items()
    assert found == replace(planner, **{field: count})
    assert seconds(replace(found, **{field: count + 1 + count // 10})) > budget_s


def test_what_does_not_search_is_left_alone():
    assert fitted(Policy(), seconds, 0.025) == (Policy(), {})


@pytest.mark.parametrize("planner", [CEM(), Gradient(), Policy()])
def test_a_time_that_is_too_short_for_any_search_is_refused(planner):
    with pytest.raises(ValueError, match=f"too short for {type(planner).__name__}:.* takes [45]"):
        fitted(planner, seconds, 0.004)


def test_one_slow_action_among_several_changes_nothing():
    slow = iter(range(10**6))

    def sometimes(planner):
        return seconds(planner) * (20.0 if next(slow) % 6 == 3 else 1.0)

    assert fitted(CEM(), sometimes, 0.05) == fitted(CEM(), seconds, 0.05)


def test_a_planner_of_ones_own_grows_by_its_samples_or_says_by_what():
    found, counts = fitted(module_of("add-a-planner.md", "page_budget").Halving(), seconds, 0.05)
    assert counts == {"samples": found.samples}

    @dataclass(frozen=True)
    class Nothing:
        horizon: int = 4

    @dataclass(frozen=True)
    class Wrong(Nothing):
        grows: ClassVar[str] = "width"

    for planner, field in ((Nothing(), "samples"), (Wrong(), "width")):
        with pytest.raises(ValueError, match=f"needs a field {field}"):
            fitted(planner, seconds, 0.05)
