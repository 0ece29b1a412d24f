"""What an agent does does not depend on how many threads its process has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import envs
from agents import make_agent
from agents.base import AGENTS
from envs.goals import make_goals

CAMERAS = ("left", "wrist")
PIXEL_AGENTS = ("world-model", "servo", "octo-like", "gc-bc", "sac-latent")
STEPS = 2


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", PIXEL_AGENTS)
def test_actions_are_the_same_with_one_thread_and_with_two(name):
    env = envs.make("reach", cameras=CAMERAS)
    goals = make_goals("reach", 190_001, cameras=CAMERAS)
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        agent = make_agent(name, env.unwrapped.env_spec)
        agent.reset(goals, np.random.default_rng(0))
        seen, _ = env.reset(seed=190_001)
        for _ in range(STEPS):
            found.append(agent.act({key: seen[key] for key in agent.observation_keys}))
            seen, *_ = env.step(found[-1].astype(np.float32))
        assert torch.get_num_threads() == count
    np.testing.assert_array_equal(found[:STEPS], found[STEPS:])


def test_every_agent_that_sees_pictures_is_tried():
    state = {"sac-her", "tqc-her", "ppo"}
    assert set(AGENTS) == {*PIXEL_AGENTS, *state, "expert", "random"}
