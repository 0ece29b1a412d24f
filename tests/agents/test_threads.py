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
from experiments.runs.episode import run_episode

CAMERAS = ("left", "wrist")
SEED = 190_001
STEPS = 2


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", AGENTS)
def test_actions_are_the_same_with_one_thread_and_with_two(name):
    env = envs.make("reach", obs_mode="all", cameras=CAMERAS)
    goals = make_goals("reach", SEED, cameras=CAMERAS)
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        agent = make_agent(name, env.unwrapped.env_spec)
        agent.reset(goals, np.random.default_rng(0))
        seen, _ = env.reset(seed=SEED)
        for _ in range(STEPS):
            found.append(agent.act({key: seen[key] for key in agent.observation_keys}))
            seen, *_ = env.step(found[-1].astype(np.float32))
        assert torch.get_num_threads() == count
    np.testing.assert_array_equal(found[:STEPS], found[STEPS:])


def test_an_episode_that_hung_on_the_order_of_a_sum_is_the_same_with_one_thread_and_with_two():
    env = envs.make("reach", cameras=CAMERAS)
    goals = make_goals("reach", SEED, cameras=CAMERAS)
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        agent = make_agent("octo-like", env.unwrapped.env_spec)
        found.append(run_episode(env, agent, SEED, goals).physics)
    np.testing.assert_array_equal(*found)
