"""The planner finds minima, repeats itself exactly, and refuses nonsense."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.test_world_model import context, small_model
from worldsim.planning.cem import CEM, CEMConfig, shift
from worldsim.planning.cost import CostConfig, LatentGoalCost

GOAL = np.array([0.3, -0.5, 0.2, 0.0, 0.0, 0.1, 0.6], dtype=np.float32)


def bowl(actions: np.ndarray) -> np.ndarray:
    """Squared distance of the first action to a goal."""
    return ((actions[:, 0] - GOAL) ** 2).sum(axis=-1)


def test_cem_finds_the_minimum_and_keeps_frozen_dimensions():
    plan = CEM(CEMConfig(samples=128, iterations=8)).plan(bowl, np.random.default_rng(0))
    np.testing.assert_allclose(plan.actions[0], GOAL, atol=0.12)
    assert (plan.actions[:, 3:5] == 0).all()
    assert list(plan.history) == sorted(plan.history, reverse=True)


def test_the_same_generator_gives_the_same_plan():
    plans = [CEM().plan(bowl, np.random.default_rng(3)).actions for _ in range(2)]
    np.testing.assert_array_equal(*plans)


def test_actions_stay_inside_the_box():
    seen = []
    CEM(CEMConfig(initial_std=(5.0,) * 7)).plan(
        lambda a: seen.append(a) or bowl(a), np.random.default_rng(0)
    )
    assert max(np.abs(a).max() for a in seen) <= 1.0


def test_a_good_proposal_is_found_at_once():
    proposals = np.broadcast_to(GOAL, (1, 3, 7))
    plan = CEM(CEMConfig(iterations=1, horizon=3)).plan(
        bowl, np.random.default_rng(0), None, proposals
    )
    assert plan.cost == pytest.approx(0.0, abs=1e-9)


def test_the_warm_start_drops_what_was_done():
    mean = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert shift(mean).tolist() == [[2, 3], [4, 5], [4, 5]]


@pytest.mark.parametrize("bad", [{"elites": 0}, {"elites": 99}, {"iterations": 0}])
def test_impossible_options_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        CEMConfig(**bad)
    with pytest.raises(ValueError, match="norm"):
        CostConfig(norm=3)


def test_the_latent_cost_is_zero_where_imagination_meets_the_goal():
    model = small_model()
    start, actions = context(model, 2), torch.rand(4, 2, 7) * 2 - 1
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        latents, _ = model.rollout(start, actions)
    cost = LatentGoalCost(model, start, latents[1, -1], torch.zeros(7), CostConfig(path=0.0))
    costs = cost(actions.numpy())
    assert costs.shape == (4,)
    assert costs[1] == pytest.approx(0.0, abs=1e-5)
    assert costs.argmin() == 1
    everything = CostConfig(latent=1.0, pose=1.0, closedness=1.0, steps=0.1, norm=2)
    assert np.isfinite(
        LatentGoalCost(model, start, latents[1, -1], torch.zeros(7), everything)(actions.numpy())
    ).all()


def test_far_from_the_goal_the_search_stays_nearer_to_the_proposal():
    model = small_model()
    start, proposal = context(model, 2), np.zeros((2, 7), dtype=np.float32)
    actions = np.stack([proposal, proposal + 0.5])

    def departure_costs(steps_now):
        config = CostConfig(latent=0.0, trust=0.4, near=2.0)
        goal = start.latents[0]
        cost = LatentGoalCost(
            model, start, goal, None, config, proposal=proposal, steps_now=steps_now
        )
        return cost(actions).tolist()

    assert departure_costs(1.0) == departure_costs(2.0) == pytest.approx([0.0, 0.1])
    assert departure_costs(8.0) == pytest.approx([0.0, 1.6])  # four times as far: sixteen times


def test_the_papers_gripper_rules():
    seen = []
    config = CEMConfig(
        samples=64,
        elites=4,
        initial_std=(1.0,) * 7,
        gripper_limit=0.75,
        gripper_dead_zone=0.25,
        answer="mean",
    )
    plan = CEM(config).plan(lambda a: seen.append(a) or bowl(a), np.random.default_rng(0))
    grip = np.abs(np.concatenate(seen)[..., 6])
    assert grip.max() == 0.75
    assert ((grip == 0) | (grip >= 0.25)).all()
    assert (grip == 0).any()
    np.testing.assert_allclose(plan.actions[:, :6], plan.mean[:, :6])
    with pytest.raises(ValueError, match="best, mean"):
        CEMConfig(answer="worst")


def test_many_candidates_are_scored_in_parts(monkeypatch):
    model = small_model()
    start, actions = context(model, 2), np.random.default_rng(0).uniform(-1, 1, (7, 2, 7))
    cost = LatentGoalCost(model, start, start.latents[0], None, CostConfig())
    whole = cost(actions.astype(np.float32))
    monkeypatch.setattr("worldsim.planning.cost._NUMBERS_AT_ONCE", 3 * start.latents[0].numel())
    np.testing.assert_allclose(cost(actions.astype(np.float32)), whole, rtol=1e-3)
    with pytest.raises(ValueError, match="goal's pose"):
        LatentGoalCost(model, start, start.latents[0], None, CostConfig(pose=1.0))
