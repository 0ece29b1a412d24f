"""What the episodes of a run come to, from rows that are known beforehand."""

from __future__ import annotations

import pytest

from experiments.runs.spec import RunSpec
from experiments.runs.summaries import credit, odd_failures, summarise
from tests.experiments.conftest import row_of

SPEC = RunSpec("expert", "grasp")


def test_rates_are_shares_and_medians_are_of_what_is_known():
    outcomes = (True, True, False, False, True)
    rows = [row_of(SPEC, 190_000 + i, ok) for i, ok in enumerate(outcomes)]
    changes = (
        {"within_4cm": True, "steps": 4, "distance_m": 0.1, "seconds_per_action": 0.3},
        {"within_4cm": True, "steps": 6, "distance_m": 0.2, "seconds_per_action": None},
        {"within_4cm": True, "steps": 90, "distance_m": None, "seconds_per_action": 0.1},
        {"within_4cm": False, "steps": 90, "distance_m": 0.9, "failure": "physics_error"},
        {"within_4cm": True, "steps": 20, "distance_m": 0.4, "seconds_per_action": 0.5},
    )
    found = summarise(SPEC, [row | more for row, more in zip(rows, changes, strict=True)])
    assert (found["n"], found["successes"], found["success_rate"]) == (5, 3, 0.6)
    assert found["within_4cm_rate"] == 0.8
    assert found["median_steps_to_success"] == 6
    assert found["median_distance_m"] == pytest.approx(0.3)
    assert found["median_seconds_per_action"] == pytest.approx(0.2)
    assert found["stages"] == {"none": 2, "reached": 3}
    assert found["failures"] == {"physics_error": 1, "timeout": 1}
    assert found["seeds"] == [190_000, 190_005]
    assert found["mean_credit"] == 0.6


def test_credit_is_told_where_it_is_more_than_the_rate():
    rows = [row_of(SPEC, 190_000 + i, i == 0, credit=part) for i, part in enumerate((1.0, 0.5))]
    assert credit(summarise(SPEC, rows)) == 0.75
    assert credit(summarise(SPEC, [row_of(SPEC, 190_000, True)])) is None


def test_every_reason_for_failing_but_time_is_said():
    failures = {"goal_failed": 1, "physics_error": 2, "timeout": 3, "meteor": 4}
    assert odd_failures({"n": 20, "failures": failures}) == [
        "1 of 20 episodes had no goal pictures: the scripted expert failed, which counts for every "
        "agent",
        "2 of 20 episodes ended because the simulation diverged",
        "4 of 20 episodes failed by meteor",
    ]


def test_a_run_without_an_episode_has_no_summary():
    with pytest.raises(ValueError, match="no finished episode"):
        summarise(SPEC, [])
