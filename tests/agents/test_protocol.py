"""The protocol, kept by every agent of the registry alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import envs
from agents import make_agent
from agents.base import AGENTS, Agent
from envs.errors import UserError
from envs.goals import GoalSequence, make_goals

CAMERAS = ("left", "wrist")
TASK = "reach"  # all that ships has weights for it
SEED, OTHER = 190_000, 190_001
NETWORKS = tuple(name for name in AGENTS if name not in ("expert", "random"))
every_agent = pytest.mark.parametrize("name", AGENTS)


@pytest.fixture(scope="module")
def env() -> Any:
    return envs.make(TASK, cameras=CAMERAS, obs_mode="all")


@pytest.fixture(scope="module")
def goals() -> dict[int, GoalSequence]:
    return {seed: make_goals(TASK, seed, cameras=CAMERAS) for seed in (SEED, OTHER)}


@pytest.fixture(scope="module")
def made(env: Any) -> dict[str, Agent]:
    return {name: make_agent(name, env.unwrapped.env_spec) for name in AGENTS}


def actions(agent: Agent, env: Any, goal: GoalSequence, seed: int, steps: int = 2) -> np.ndarray:
    """(steps, 7) of an episode's beginning."""
    seen, _ = env.reset(seed=seed)
    agent.reset(goal, np.random.default_rng(seed))
    found = []
    for _ in range(steps):
        found.append(agent.act({key: seen[key] for key in agent.observation_keys}))
        seen, *_ = env.step(found[-1])
    return np.stack(found)


@every_agent
def test_acting_before_an_episode_says_what_to_do(name, env):
    agent = make_agent(name, env.unwrapped.env_spec)
    seen, _ = env.reset(seed=SEED)
    with pytest.raises(UserError, match=r"no episode yet: call reset"):
        agent.act(seen)


@every_agent
def test_actions_are_seven_finite_numbers_in_the_box_and_forget_the_last_episode(
    name, env, goals, made
):
    agent = made[name]
    assert isinstance(agent, Agent)
    assert set(agent.observation_keys) <= set(env.observation_space.spaces)
    first = actions(agent, env, goals[SEED], SEED)
    assert (first.dtype, first.shape) == (np.float64, (2, 7))
    assert np.isfinite(first).all()
    assert (np.abs(first) <= 1.0).all()
    other = actions(agent, env, goals[OTHER], OTHER, steps=3)
    assert not np.array_equal(other[:2], first)
    agent.reset(goals[OTHER], np.random.default_rng(OTHER))  # twice is once
    np.testing.assert_array_equal(actions(agent, env, goals[SEED], SEED), first)


@every_agent
def test_an_observation_that_lacks_something_is_refused(name, env, goals, made):
    agent = made[name]
    agent.reset(goals[SEED], np.random.default_rng(0))
    if agent.observation_keys:
        with pytest.raises(UserError, match=f"nothing given.*reads {agent.observation_keys[0]}"):
            agent.act({})
    else:
        agent.act({})


BAD_GOALS = {
    "other cameras": (
        lambda goal: replace(goal, images={"right": goal.images["left"]}),
        "goal pictures of right given: this agent needs left, wrist",
    ),
    "another size": (
        lambda goal: replace(goal, images={c: i[:, ::2, ::2] for c, i in goal.images.items()}),
        r"shape \(1, 64, 64, 3\).*needs \(1, 128, 128, 3\)",
    ),
    "numbers between 0 and 1": (
        lambda goal: replace(goal, images={c: i / 255.0 for c, i in goal.images.items()}),
        "type float64.*uint8",
    ),
    "more pictures than budgets": (
        lambda goal: replace(
            goal, images={c: np.tile(i, (2, 1, 1, 1)) for c, i in goal.images.items()}
        ),
        r"shape \(2, 128, 128, 3\)",
    ),
    "no pictures": (
        lambda goal: GoalSequence({c: i[:0] for c, i in goal.images.items()}, (), goal.budgets[:0]),
        "no pictures given",
    ),
}


@pytest.mark.parametrize("bad", BAD_GOALS)
@every_agent
def test_goals_that_an_agent_cannot_read_are_refused(name, bad, env, goals, made):
    agent, (change, words) = made[name], BAD_GOALS[bad]
    sees = any(key.startswith("image_") for key in agent.observation_keys)
    if not sees:  # it does not look
        agent.reset(change(goals[SEED]), np.random.default_rng(0))
        return
    with pytest.raises(UserError, match=words):
        agent.reset(change(goals[SEED]), np.random.default_rng(0))
    with pytest.raises(UserError, match="no episode yet"):
        agent.act(env.reset(seed=SEED)[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_device_that_is_not_there_is_refused_by_name(name, env):
    with pytest.raises(ValueError, match=r"device 'cuda:99' cannot be used here"):
        make_agent(name, env.unwrapped.env_spec, device="cuda:99")


@every_agent
def test_no_goal_and_options_that_mean_nothing_are_refused(name, env, made):
    with pytest.raises(UserError, match="no goal given"):
        made[name].reset(None, np.random.default_rng(0))
    with pytest.raises(UserError, match="unknown option 'temper'"):
        make_agent(name, env.unwrapped.env_spec, temper=1)
