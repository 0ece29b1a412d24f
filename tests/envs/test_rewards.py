"""Rewards say what success says, for the episode's own goal and for any other."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import envs


def expert_episode(task: str, seed: int, **options: Any) -> tuple[gym.Env, list[dict[str, Any]]]:
    """The whole budget of the expert's episode, success or not: one record a step."""
    env, expert = envs.make(task, obs_mode="state", **options), envs.TASKS[task].expert()
    observation, _ = env.reset(seed=seed)
    records = []
    for _ in range(envs.BUDGETS[task]):
        observation, reward, _, _, info = env.step(expert.act(observation).astype(np.float32))
        time = env.unwrapped.data.time
        records.append({"seen": observation, "reward": reward, "info": info, "time": time})
    return env, records


@pytest.mark.parametrize("task", tuple(envs.TASKS))
@pytest.mark.parametrize("seed", [190_000, 190_001, 190_002])
def test_an_episode_is_solved_once_its_sparse_reward_has_been_zero_for_the_dwell(task, seed):
    _, records = expert_episode(task, seed)
    rewards = [record["reward"] for record in records]
    assert set(rewards) == {0.0, -1.0}
    since, solved, dwell_s = None, [], 0.0 if task == "reach" else 0.5
    for record in records:
        since = None if record["reward"] else (since or record["time"])
        solved.append(since is not None and record["time"] - since >= dwell_s)
    assert solved == [record["info"]["is_success"] for record in records]


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_rewards_of_other_goals_are_those_of_the_goals_alone(task):
    env, records = expert_episode(task, 190_003)
    achieved = np.stack([record["seen"]["achieved_goal"] for record in records])
    desired = np.stack([record["seen"]["desired_goal"] for record in records])
    own = env.unwrapped.compute_reward(achieved, desired, None)
    np.testing.assert_array_equal(own, [record["reward"] for record in records])
    np.testing.assert_array_equal(env.unwrapped.compute_reward(achieved, achieved, None), 0.0)
    pairs = env.unwrapped.compute_reward(achieved[:, None], achieved[None], None)
    one_by_one = [
        [float(env.unwrapped.compute_reward(a, d, None)) for d in achieved] for a in achieved
    ]
    np.testing.assert_array_equal(pairs, one_by_one)
    assert 0.05 < -pairs.mean() < 0.95  # both values, and many of each


MOST = {"there": 5.0, "released": 5.0, "placed": 5.0}
"""Of a term, for each object; 1 where nothing else is said, and near things and in reach."""


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_terms_lie_between_nothing_and_their_most_which_a_solved_episode_earns(task):
    _, records = expert_episode(task, 190_005, reward="dense")
    count = max(1, envs.TASKS[task].objects)
    terms = [record["info"]["reward_terms"] for record in records]
    for name in terms[0]:
        most = 1.0 if name == "near" or task == "reach" else count * MOST.get(name, 1.0)
        values = np.array([one[name] for one in terms])
        assert values.min() >= 0.0
        assert 0.8 * most < values[-1] <= values.max() <= most
    assert records[-1]["info"]["is_success"]


def test_only_what_is_held_counts_as_lifted():
    _, records = expert_episode("grasp", 190_005, reward="dense")
    terms = [record["info"]["reward_terms"] for record in records]
    assert {one["held"] for one in terms} == {0.0, 1.0}
    assert all(one["lifted"] == 0.0 for one in terms if not one["held"])


def test_a_held_goal_is_a_height_and_one_left_alone_a_place():
    rules = envs.TASKS["grasp"].task()
    held, lying = np.array([0.5, 0.0, 0.0, 1.0]), np.array([0.5, 0.0, -0.08, 0.0])
    for goal, offset, reward in (
        *((held, [0.2, 0.0, 0.3, 0.0], 0.0), (held, [0.0, 0.0, -0.03, 0.0], 0.0)),
        *((held, [0.0, 0.0, -0.05, 0.0], -1.0), (held, [0.0, 0.0, 0.0, -1.0], -1.0)),
        *((lying, [0.03, 0.0, 0.0, 0.0], 0.0), (lying, [0.05, 0.0, 0.0, 0.0], -1.0)),
        *((lying, [0.0, 0.0, 0.05, 0.0], -1.0), (lying, [0.0, 0.0, 0.0, 1.0], -1.0)),
    ):
        assert rules.sparse_reward(goal + np.array(offset), goal) == reward


@pytest.mark.parametrize(
    ("task", "stages"),
    [
        ("reach", ["none", "reached"]),
        ("grasp", ["none", "reached", "grasped", "lifted"]),
        ("pick-place", ["none", "reached", "grasped", "lifted", "placed"]),
        ("push", ["none", "reached", "placed"]),
        ("rearrange-1", ["none", "reached", "grasped", "lifted", "placed"]),
    ],
)
def test_the_expert_passes_the_stages_of_its_task_one_after_the_other(task, stages):
    _, records = expert_episode(task, 190_000)
    told = [record["info"]["stage"] for record in records]
    assert [name for name, _ in groupby(told)] == stages


def test_reach_tells_whether_it_is_within_the_papers_tolerance():
    _, records = expert_episode("reach", 190_000)
    told = [record["info"]["within_4cm"] for record in records]
    assert told == [record["info"]["distance_m"] < 0.04 for record in records]
    assert set(told) == {False, True}


@pytest.mark.parametrize("object_kind", ["cube", "milk"])
def test_an_object_lifted_far_above_its_goal_is_still_lifted(object_kind):
    env, _ = expert_episode("grasp", 190_004, object=object_kind)
    for _ in range(3):
        seen, reward, _, _, info = env.unwrapped.step(np.array([0, 0, 1, 0, 0, 0, 1]))
    assert env.unwrapped.scene.clearance() > 0.2
    assert info["is_success"]
    assert reward == 0.0
    assert env.unwrapped.compute_reward(seen["achieved_goal"], seen["desired_goal"], info) == 0.0


def test_a_lifted_object_counts_by_its_lowest_point_however_it_is_turned():
    env = envs.make("grasp", obs_mode="state", object="milk").unwrapped
    env.reset(seed=190_000)
    scene = env.scene
    scene.data.qpos[9:16] = [0, 0, 0.865, np.sqrt(0.5), 0, np.sqrt(0.5), 0]  # lying in the air
    mujoco.mj_forward(scene.model, scene.data)
    assert scene.clearance() == pytest.approx(0.065 - scene.half_size()[0])
    achieved = envs.TASKS["grasp"].task().achieved_goal(scene)
    rest = env.start.objects[0].position[2]
    assert achieved[2] - rest == pytest.approx(scene.clearance())


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_a_dense_reward_offers_no_reward_of_other_goals(task):
    env, records = expert_episode(task, 190_005, reward="dense")
    for record in records:
        assert record["reward"] == pytest.approx(sum(record["info"]["reward_terms"].values()))
    assert not hasattr(env.unwrapped, "compute_reward")
    assert not hasattr(env, "compute_reward")
    assert hasattr(envs.make(task, obs_mode="state"), "compute_reward")
    default = envs.make(task)
    assert not hasattr(default.unwrapped, "compute_reward")
    for one in (env, default):
        with pytest.raises(AttributeError, match='obs_mode="state" or "all" and reward="sparse"'):
            one.compute_reward  # noqa: B018


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_only_the_desired_goal_tells_the_goal(task):
    """Hindsight exchanges ``desired_goal``; what told the first goal would contradict it."""
    env = envs.make(task, obs_mode="all", image_size=32).unwrapped
    first, _ = env.reset(seed=190_000)
    state = env.get_state()
    start = state["start"]
    env.set_state(state | {"start": replace(start, goal=start.goal + 0.1)})
    other, _ = env.observe()
    differing = {key for key in first if not np.array_equal(first[key], other[key])}
    assert differing == {"desired_goal"}
