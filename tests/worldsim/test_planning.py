"""The planner finds minima, repeats itself exactly, and refuses nonsense."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.test_world_model import context, small_model
from worldsim.planning.cem import CEM
from worldsim.planning.cost import LatentGoalCost, own_energies
from worldsim.planning.energies.energy import Situation
from worldsim.planning.options import CostConfig
from worldsim.planning.planner import WIDE, shift
from worldsim.planning.vjepa2_ac import VJEPA2AC

GOAL = torch.tensor([0.3, -0.5, 0.2, 0.0, 0.0, 0.1, 0.6])
START = torch.zeros(2, 7)


def bowl(actions: torch.Tensor) -> torch.Tensor:
    """Squared distance of the first action to a goal."""
    return (actions[:, 0] - GOAL).square().sum(dim=-1)


def watched(seen: list[torch.Tensor]):
    """The bowl, and what it was asked."""
    return lambda actions: seen.append(actions) or bowl(actions)


def test_cem_finds_the_minimum_and_keeps_frozen_dimensions():
    planner = CEM(samples=128, iterations=8, spread=WIDE)
    plan = planner.plan(bowl, np.random.default_rng(0), START)
    torch.testing.assert_close(plan.actions[0], GOAL, atol=0.12, rtol=0)
    assert (plan.actions[:, 3:5] == 0).all()
    assert plan.history.tolist() == sorted(plan.history.tolist(), reverse=True)


def test_the_same_generator_gives_the_same_plan():
    plans = [CEM().plan(bowl, np.random.default_rng(3), START).actions for _ in range(2)]
    assert torch.equal(*plans)


def test_actions_stay_inside_the_box():
    seen = []
    CEM(spread=(5.0,) * 7).plan(watched(seen), np.random.default_rng(0), START)
    assert max(a.abs().max() for a in seen) == 1.0


def test_a_good_proposal_is_found_at_once():
    proposals = GOAL.expand(1, 3, -1)
    planner = CEM(iterations=1, horizon=3)
    plan = planner.plan(bowl, np.random.default_rng(0), torch.zeros(3, 7), proposals)
    assert float(plan.cost) == pytest.approx(0.0, abs=1e-9)


def test_a_cost_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"cost returned \(\), not \(8,\)"):
        CEM().plan(lambda actions: bowl(actions).sum(), np.random.default_rng(0), START)


def test_the_warm_start_drops_what_was_done():
    mean = torch.arange(6.0).view(3, 2)
    assert shift(mean).tolist() == [[2, 3], [4, 5], [4, 5]]


@pytest.mark.parametrize("bad", [{"elites": 0}, {"elites": 99}, {"iterations": 0}])
def test_impossible_options_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        CEM(**bad)
    with pytest.raises(ValueError, match="norm"):
        CostConfig(norm=3)


def test_the_latent_cost_is_zero_where_imagination_meets_the_goal():
    model = small_model()
    start, actions = context(model, 2), torch.rand(4, 2, 7) * 2 - 1
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        latents, _ = model.rollout(start, actions)
    situation = Situation(model, start, latents[1, -1], torch.zeros(7))
    cost = LatentGoalCost(situation, own_energies(CostConfig(path=0.0)))
    costs = cost(actions)
    assert costs.shape == (4,)
    assert costs[1] == pytest.approx(0.0, abs=1e-5)
    assert costs.argmin() == 1
    everything = CostConfig(latent=1.0, pose=1.0, closedness=1.0, steps=0.1, norm=2)
    scorer = LatentGoalCost(situation, own_energies(everything))
    assert scorer(actions).isfinite().all()


def test_far_from_the_goal_the_search_stays_nearer_to_the_proposal():
    model = small_model()
    start, proposal = context(model, 2), torch.zeros(2, 7)
    actions = torch.stack([proposal, proposal + 0.5])

    def departure_costs(steps_now):
        config = CostConfig(latent=0.0, trust=0.4, near=2.0)
        goal = start.latents[0]
        situation = Situation(model, start, goal, proposal=proposal, steps_to_go=steps_now)
        return LatentGoalCost(situation, own_energies(config))(actions).tolist()

    assert departure_costs(1.0) == departure_costs(2.0) == pytest.approx([0.0, 0.1])
    assert departure_costs(8.0) == pytest.approx([0.0, 1.6])  # four times as far: sixteen times


@pytest.mark.parametrize(
    ("seed", "steps", "found"),
    [
        (3, 1, [[0.2083, -0.60913, 0.04429, 0.49776]]),
        (3, 2, [[0.4188, -0.50509, -0.76363, 0.31303], [-0.27394, -0.24618, 0.66889, 0.35565]]),
        (5, 2, [[0.11796, -0.2222, -0.36899, 0.62581], [0.07065, -0.17423, 0.2157, 0.0]]),
    ],
)
def test_the_papers_search_finds_what_the_published_code_finds(seed, steps, found):
    # Computed by the published search in this toy world, with the same noise.
    def cost(actions):
        place = actions.sum(dim=1)
        place = place + 0.3 * place.roll(1, -1).square()
        return (place - torch.tensor([0.3, -0.5, 0.2, 0.1, 0.0, -0.2, 0.6])).abs().mean(dim=-1)

    planner = VJEPA2AC(samples=60, iterations=4, elites=5, horizon=steps)
    plan = planner.plan(cost, np.random.default_rng(seed), torch.full((steps, 7), 0.9))
    torch.testing.assert_close(
        plan.actions[:, [0, 1, 2, 6]], torch.tensor(found), atol=1e-5, rtol=0
    )
    assert (plan.actions[:, 3:6] == 0).all()


def test_the_papers_gripper_rules():
    seen = []
    planner = VJEPA2AC(samples=64, iterations=2, elites=4)
    planner.plan(watched(seen), np.random.default_rng(0), START[:1])
    grip = torch.cat(seen)[..., 6].abs()
    assert grip.max() == 0.75
    assert ((grip > 0) & (grip < 0.25)).any()  # the dead zone is the answer's alone
    held = VJEPA2AC(samples=64, iterations=2, elites=4, gripper_dead_zone=0.8)
    assert held.plan(bowl, np.random.default_rng(0), START[:1]).actions[0, 6] == 0.0


def test_many_candidates_are_scored_in_parts(monkeypatch):
    model = small_model()
    start, actions = context(model, 2), torch.rand(7, 2, 7) * 2 - 1
    situation = Situation(model, start, start.latents[0])
    cost = LatentGoalCost(situation, own_energies(CostConfig()))
    whole = cost(actions)
    monkeypatch.setattr("worldsim.planning.cost._NUMBERS_AT_ONCE", 3 * start.latents[0].numel())
    torch.testing.assert_close(cost(actions), whole, rtol=1e-3, atol=0)
    for config, words in ((CostConfig(pose=1.0), "goal's pose"), (CostConfig(trust=1.0), "trust")):
        with pytest.raises(ValueError, match=words):
            LatentGoalCost(situation, own_energies(config))(actions)
