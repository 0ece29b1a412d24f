"""Every planner finds cheap actions, stays in the box, and repeats itself; each has its own way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.worldsim.pages import module_of
from worldsim.planning.cem import CEM
from worldsim.planning.detour import Detour
from worldsim.planning.gaussian import Gaussian
from worldsim.planning.gradient import Gradient
from worldsim.planning.gradient_cem import GradientCEM
from worldsim.planning.icem import ICEM, coloured
from worldsim.planning.lagrangian import Lagrangian
from worldsim.planning.mppi import MPPI
from worldsim.planning.names import PLANNERS, make_planner
from worldsim.planning.planner import WIDE, Plan
from worldsim.planning.policy import Policy

GOAL = torch.tensor([0.3, -0.5, 0.2, 0.0, 0.0, 0.1, 0.6])
SEARCHES = [name for name in PLANNERS if name not in ("policy", "vjepa2-ac")]


class Bowl:
    """Squared distance of every action to GOAL; the second number must not be below its limit."""

    def __init__(self, limit: float = -1.0) -> None:
        self.limit, self.seen = limit, []

    def __call__(self, actions: torch.Tensor) -> torch.Tensor:
        costs, violations = self.parts(actions)
        return costs + violations.sum(dim=1)

    def parts(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append(actions.detach().clone())
        violated = 0.2 * (self.limit - actions[..., 1]).clamp(min=0).sum(dim=1, keepdim=True)
        return (actions - GOAL).square().sum(dim=(1, 2)), violated

    def gradient(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        moved = actions.clone().requires_grad_()
        costs = self(moved)
        return costs.detach(), torch.autograd.grad(costs.sum(), moved)[0]


def plan(planner, cost, seed=0, proposals=None):
    mean = torch.zeros(planner.horizon, 7)
    return planner.plan(cost, np.random.default_rng(seed), mean, proposals)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_gets_nearer_and_says_so(name):
    cost = Bowl()
    found = plan(make_planner(name), cost)
    start = float(cost(torch.zeros(1, 4, 7)))
    assert float(cost(found.actions[None])) < 0.9 * start
    assert float(found.cost) < start
    assert found.history.tolist() == sorted(found.history.tolist(), reverse=True)
    assert found.cost == found.history[-1]
    assert (found.actions[:, 3:5] == 0).all()  # numbers without spread stay where they are


@pytest.mark.parametrize("name", SEARCHES)
def test_nothing_outside_the_box_is_tried_or_returned(name):
    class Away(Bowl):
        def parts(self, actions):
            costs, violations = super().parts(actions)
            return costs - 9.0 * actions.sum(dim=(1, 2)), violations

    cost = Away()
    planner = make_planner(name)
    proposals = torch.full((1, 4, 7), 3.0)
    found = planner.plan(cost, np.random.default_rng(0), torch.full((4, 7), 0.95), proposals)
    assert max(float(seen.abs().max()) for seen in cost.seen) <= 1.0
    assert float(found.actions.abs().max()) <= 1.0
    assert float(found.mean.abs().max()) <= 1.0


@pytest.mark.parametrize("name", PLANNERS)
def test_a_plan_is_a_function_of_its_generator(name):
    planner = make_planner(name)
    one, other, another = (plan(planner, Bowl(), seed) for seed in (3, 3, 4))
    assert torch.equal(one.actions, other.actions)
    assert torch.equal(one.actions, another.actions) == (name == "policy")


@pytest.mark.parametrize("name", [name for name in SEARCHES if name != "mppi"])
def test_what_is_proposed_is_tried(name):
    found = plan(make_planner(name), Bowl(), proposals=GOAL.expand(1, 4, -1))
    assert float(found.cost) < 1e-9


def test_the_policy_does_what_is_proposed():
    mean = torch.full((4, 7), 0.3)
    found = Policy().plan(Bowl(), np.random.default_rng(0), mean, GOAL.expand(1, 4, -1))
    assert torch.equal(found.actions, mean)
    assert float(found.cost) == pytest.approx(float(Bowl()(mean[None])))


def test_an_average_takes_what_is_proposed_into_its_first_round_alone():
    cost = Bowl()
    plan(MPPI(samples=8), cost, proposals=GOAL.expand(3, 4, -1))
    assert [len(seen) for seen in cost.seen] == [1 + 8 + 3, 1 + 8]


def test_a_descent_begins_as_far_apart_as_asked_and_ends_after_its_steps():
    cost = Bowl()
    plan(Gradient(starts=200, steps=3, spread=(0.1,) * 7), cost)
    assert len(cost.seen) == 3 + 1
    assert float(cost.seen[0].std()) == pytest.approx(0.1, rel=0.05)


def test_what_was_best_is_tried_again():
    cost = Bowl()
    plan(CEM(iterations=3), cost)
    for before, after in pairwise(cost.seen):
        assert torch.equal(after[1], before[Bowl()(before).argmin()])


def test_a_search_narrows_down_to_its_floor_and_wakes_no_frozen_number():
    drawn_from = Gaussian.around(torch.zeros(4, 7), WIDE, 0.05)
    alike = torch.full((3, 4, 7), 0.2)
    for _ in range(9):
        drawn_from = drawn_from.refitted(alike, momentum=0.1)
    torch.testing.assert_close(drawn_from.mean, alike[0])
    floor = torch.tensor([0.05, 0.05, 0.05, 0.0, 0.0, 0.05, 0.05])
    torch.testing.assert_close(drawn_from.std, floor.expand(4, 7))


def test_the_descent_after_a_search_is_not_shaken():
    cost = Bowl()
    plan(GradientCEM(steps=5, rate=0.01), cost)
    descent = torch.cat(cost.seen[-6:])
    assert 0.0 < float(descent.diff(dim=0).abs().max()) < 0.011  # Adam's steps are of its rate


def test_mppi_is_a_weighted_mean():
    cost = Bowl()
    found = plan(MPPI(samples=50, iterations=1, temperature=1e-6), cost)
    torch.testing.assert_close(found.actions, cost.seen[0][cost(cost.seen[0]).argmin()])
    level = plan(MPPI(samples=50, iterations=1, temperature=1e6), Bowl())
    torch.testing.assert_close(level.actions, cost.seen[0].mean(0), atol=1e-4, rtol=0)


def test_coloured_noise_has_variance_one_and_hangs_together():
    for horizon in (1, 3, 4, 9):
        noise = coloured(np.random.default_rng(0), (4000, horizon, 2), 2.0, torch.zeros(1))
        assert noise.shape == (4000, horizon, 2)
        assert float(noise.var()) == pytest.approx(1.0, abs=0.05)
    steps = noise[:, 1:] * noise[:, :-1]
    assert float(steps.mean()) > 0.5
    white = coloured(np.random.default_rng(0), (4000, 9, 2), 0.0, torch.zeros(1))
    assert abs(float((white[:, 1:] * white[:, :-1]).mean())) < 0.05


def test_the_power_of_coloured_noise_falls_with_frequency():
    noise = coloured(np.random.default_rng(0), (8000, 16, 1), 2.0, torch.zeros(1))
    power = np.square(np.abs(np.fft.rfft(noise[..., 0].numpy(), axis=1))).mean(axis=0)[1:8]
    np.testing.assert_allclose(power / power[0], np.arange(1.0, 8.0) ** -2, rtol=0.1)


def test_icem_refuses_to_grow_and_to_keep_more_than_there_is():
    assert ICEM(decay=1.0, kept=1.0).kept == 1.0
    for bad in ({"decay": 0.9}, {"kept": 1.1}, {"kept": -0.1}):
        with pytest.raises(ValueError, match="decay must be at least 1 and kept from 0 to 1"):
            ICEM(**bad)


def test_icem_draws_fewer_and_keeps_some_elites():
    cost = Bowl()
    plan(ICEM(samples=40, iterations=3, elites=6, decay=2.0, kept=0.5), cost)
    assert [len(seen) for seen in cost.seen] == [41, 23, 16]
    order = cost(cost.seen[0]).argsort()
    torch.testing.assert_close(cost.seen[1][:3], cost.seen[0][order[:3]])


def test_constraints_are_kept_to_rather_than_weighed():
    loose, strict = Bowl(limit=-0.2), Bowl(limit=-0.2)
    settings = {"samples": 64, "iterations": 6, "spread": WIDE}
    weighed = plan(CEM(**settings), loose)
    kept = plan(Lagrangian(**settings, rounds=8), strict)
    assert float(loose.parts(weighed.actions[None])[1]) > 0.05
    assert float(strict.parts(kept.actions[None])[1]) < 0.02
    assert float(kept.actions[:, 1].mean()) == pytest.approx(-0.2, abs=0.08)


def test_multipliers_rise_by_the_penalty_of_what_is_violated_and_the_penalty_doubles(monkeypatch):
    class Broken(Bowl):
        def parts(self, actions):
            return torch.ones(len(actions)), torch.tensor([[0.5, 0.0]]).expand(len(actions), 2)

    asked = []

    def search(self, cost, rng, mean, proposals):
        asked.append(cost(mean[None]))
        return Plan(mean, asked[-1][0], mean, asked[-1])

    monkeypatch.setattr(CEM, "plan", search)
    plan(Lagrangian(rounds=3, penalty=4.0), Broken())
    # cost + multiplier * violation + penalty / 2 * violation^2, of penalties 4, 8 and 16
    assert torch.cat(asked).tolist() == [1 + 0.5, 1 + 2 * 0.5 + 1.0, 1 + 6 * 0.5 + 2.0]


class Planless:
    horizon = 4


class Endless:
    def plan(self, cost, rng, mean, proposals=None):
        raise NotImplementedError


def test_a_planner_of_ones_own_is_one_that_plans_and_has_a_horizon():
    assert make_planner("worldsim.planning.mppi:MPPI") == MPPI()
    for one in (Planless, Endless):
        with pytest.raises(ValueError, match="is no planner"):
            make_planner(f"{__name__}:{one.__name__}")


def test_costs_that_cannot_do_what_is_needed_are_refused():
    def plain(actions):
        return actions.sum(dim=(1, 2))

    with pytest.raises(ValueError, match="a cost with a gradient"):
        plan(Gradient(), plain)
    with pytest.raises(ValueError, match="tells constraints apart"):
        plan(Lagrangian(), plain)


def test_the_planner_of_the_page_works():
    page = module_of("add-a-planner.md", "page_planner")
    found = plan(page.Halving(), Bowl())
    assert float(found.cost) < float(Bowl()(torch.zeros(1, 4, 7)))
    assert float(found.actions.abs().max()) <= 1.0


def test_a_detour_is_looked_for_only_where_what_is_proposed_costs_something():
    planner, free, dear = Detour(), Bowl(), Bowl()
    straight = planner.plan(free, np.random.default_rng(0), GOAL.expand(4, -1))
    assert torch.equal(straight.actions, GOAL.expand(4, -1))
    assert float(straight.cost) == 0.0
    assert sum(map(len, free.seen)) == 1
    found = plan(planner, dear)
    assert sum(map(len, dear.seen)) == 1 + planner.search.samples * planner.search.iterations
    assert float(found.cost) < float(dear(torch.zeros(1, 4, 7)))
    assert (found.actions[:, 3:] == 0).all()  # turns and fingers stay as proposed
