"""Hops: a sub-goal is chosen for where it leads, and held until it is reached or late."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import envs
from agents.hops import Hops
from agents.planner_config import configure
from agents.world_model import WorldModelAgent
from tests.worldsim.test_world_model import small_model

JUMP = 4


class Places:
    """Their components are what they are."""

    def __call__(self, latents):
        return latents.flatten(1)

    def latents(self, components):
        return components[:, None]


class OnALine:
    """Pictures are places on a line, and jumps go 3, 4 or 9 steps towards the goal."""

    config = SimpleNamespace(jump=JUMP)
    components = Places()

    def __init__(self):
        self.chosen_from = 0
        self.jumps = SimpleNamespace(sample=self.sample)

    def apart(self, now, goal):
        return (goal - now).abs()[:, 0]

    def sample(self, now, goal, rng):
        self.chosen_from = len(now)
        steps = torch.from_numpy(rng.permutation(np.resize([3.0, 4.0, 9.0], len(now)))).float()
        return now + steps[:, None] * (goal - now).sign()


@pytest.fixture
def line():
    return OnALine()


def place(x):
    return torch.tensor([[float(x)]])


def test_the_farthest_hop_that_is_one_is_taken_and_held(line):
    hops, rng = Hops(line, samples=6), np.random.default_rng(0)
    assert hops.towards(place(0), place(30), rng).item() == 4.0  # 9 is no hop
    assert line.chosen_from == 6
    assert hops.towards(place(1), place(30), rng).item() == 4.0  # held
    assert hops.towards(place(2.5), place(30), rng).item() == 6.5  # reached: the next one
    hops.reset()
    assert hops.towards(place(1), place(30), rng).item() == 5.0


def test_a_sub_goal_that_is_not_reached_in_time_is_given_up(line):
    hops, rng = Hops(line, samples=6), np.random.default_rng(0)
    aims = [hops.towards(place(0.1 * step), place(30), rng).item() for step in range(JUMP + 1)]
    assert len(set(aims[:JUMP])) == 1
    assert aims[JUMP] != aims[0]


def test_near_the_picture_it_is_worked_towards_itself(line):
    hops, rng = Hops(line, samples=6), np.random.default_rng(0)
    assert hops.towards(place(0), place(JUMP), rng).item() == JUMP
    assert line.chosen_from == 0


def test_looking_ahead_keeps_hops_feasible_all_along(line):
    hops = Hops(line, samples=60, depth=3)
    assert hops.towards(place(0), place(100), np.random.default_rng(0)).item() in (3.0, 4.0)


def test_hops_need_a_value():
    spec = envs.make("reach", cameras=("left", "wrist"), image_size=32).unwrapped.env_spec
    with pytest.raises(ValueError, match="value imagines the hops"):
        WorldModelAgent(spec, small_model(), planner="policy", hops=8)
    with pytest.raises(ValueError, match="0 and more"):
        configure("policy", hops=-1)
