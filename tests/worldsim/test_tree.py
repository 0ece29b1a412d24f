"""The tree planner chains what it is given, and sees over what a single chunk makes worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldsim.planning.names import make_planner
from worldsim.planning.tree import Tree

CHUNKS = torch.stack([s * torch.eye(7)[a].expand(4, 7) for a in (0, 1) for s in (0.2, -0.2)])
"""Four chunks of four actions, each along one axis."""
NOWHERE = torch.zeros(4, 7)


def place(actions):
    """(S, 2) where actions (S, H, 7) lead to in a plane."""
    return actions[..., :2].sum(dim=1)


def around_a_wall(actions):
    """Steps to (0.8, 0.8): from the start to the right there is a dead end."""
    x, y = place(actions).T
    left = (x - 0.8).abs() + (y - 0.8).abs()
    return left + 3.0 * ((x > 0.4) & (y < 0.4))


def rng():
    return np.random.default_rng(0)


def test_one_level_takes_the_best_chunk():
    plan = Tree(refits=0).plan(lambda a: (place(a) - 0.8).abs().sum(1), rng(), NOWHERE, CHUNKS[:3])
    assert torch.equal(plan.actions, CHUNKS[0])
    assert plan.cost == pytest.approx(0.8)
    assert plan.history.tolist() == [plan.cost]


def test_two_levels_reach_what_no_chunk_reaches_and_go_around():
    flat = Tree(depth=1, refits=0).plan(around_a_wall, rng(), NOWHERE, CHUNKS)
    deep = Tree(depth=2, refits=0).plan(around_a_wall, rng(), NOWHERE, CHUNKS)
    assert deep.cost < 0.01 < flat.cost
    assert deep.history.tolist() == [flat.cost, deep.cost]
    assert deep.actions.shape == (4, 7)
    assert torch.equal(deep.actions, CHUNKS[2])  # up first


def test_refits_only_better_it_and_stay_in_the_box():
    seen = []

    def cost(actions):
        seen.append(actions)
        return (place(actions) - torch.tensor([0.9, 0.1])).abs().sum(1)

    plan = Tree(refits=3).plan(cost, rng(), NOWHERE, 5.0 * CHUNKS)
    assert (plan.history.diff() <= 0).all()
    assert plan.cost == plan.history[-1] < plan.history[0]
    assert max(float(a.abs().max()) for a in seen) <= 1.0


def test_the_same_generator_gives_the_same_plan():
    one, two = (Tree(depth=2).plan(around_a_wall, rng(), NOWHERE, CHUNKS) for _ in range(2))
    assert torch.equal(one.actions, two.actions)


def test_with_nothing_to_chain_it_searches_around_the_centre():
    plan = make_planner("tree").plan(around_a_wall, rng(), NOWHERE)
    assert plan.cost < around_a_wall(NOWHERE[None])
