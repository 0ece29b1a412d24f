"""Rearrangement: starts, what counts as in place, and the order in which the expert works."""

from __future__ import annotations

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import envs
from envs.arrangement import Layout, in_place, places_of, room
from envs.geometry import BASE_POS, PLATFORM_HALF_SIZE, TABLE_Z
from envs.goals import make_goals
from envs.rearranger import read
from envs.state import parts_of

NAMES = ("rearrange-1", "rearrange-2", "rearrange-3", "rearrange-4")
BLOCKED = "rearrange-2-blocked"


def put(env, places):
    """Objects upright at (n, 3) places, at rest, with their velocities zero."""
    scene = env.scene
    for thing, place in zip(scene._objects, places, strict=True):
        scene.data.qpos[thing.qpos] = [*(place + BASE_POS), 1, 0, 0, 0]
        scene.data.qvel[thing.qvel] = 0
    mujoco.mj_forward(scene.model, scene.data)


@pytest.mark.parametrize("task", [*NAMES, BLOCKED])
def test_starts_hold_different_things_apart_and_ask_for_something(task):
    env, count = envs.make(task, obs_mode="state").unwrapped, envs.TASKS[task].objects
    special = set()
    for seed in range(190_000, 190_020):
        _, info = env.reset(seed=seed)
        start = env.start
        assert len({thing.kind for thing in start.objects}) == len(start.objects) == count
        for i, one in enumerate(start.objects):
            for other in start.objects[:i]:
                apart = np.linalg.norm((one.position - other.position)[:2])
                assert apart > room(one.half_size, other.half_size)
                assert np.abs(one.rgba - other.rgba).max() > 0.1
        assert info["objects"] == count
        assert info["in_place"] < count
        assert info["credit"] == 0.0
        assert (info["blocked"] > 0) == (task == BLOCKED)
        goal = places_of(start.goal)
        heights = goal[:, 2] - [TABLE_Z + thing.half_size[2] for thing in start.objects]
        raised = heights.max() > 0.01
        special.add("platform" if start.platform is not None else "stack" if raised else "table")
    if task in NAMES[1:]:
        assert special == {"table", "platform", "stack"}


def test_a_goal_on_something_rests_there():
    """Objects put where the goal has them stay: places are neither in nor above anything."""
    env, seen = envs.make("rearrange-3", obs_mode="state").unwrapped, 0
    for seed in range(190_000, 190_012):
        env.reset(seed=seed)
        goal = places_of(env.start.goal)
        put(env, goal)
        for _ in range(5):
            _, reward, _, _, info = env.step(np.zeros(7))
        assert info["in_place"] == 3
        assert info["is_success"]
        assert info["credit"] == 1.0
        assert info["object_stages"] == ("placed",) * 3
        assert reward == 0.0
        seen += goal[:, 2].max() > TABLE_Z + 0.06
    assert seen > 2


def test_what_was_to_stay_has_half_the_tolerance_of_what_was_to_move():
    env = envs.make("rearrange-3", obs_mode="state").unwrapped
    for seed in range(190_000, 190_050):
        env.reset(seed=seed)
        moves = env.start.goal.reshape(3, 5)[:, 4] > 0.5
        flat = env.start.platform is None and places_of(env.start.goal)[:, 2].max() < -0.05
        if flat and moves.sum() == 2:
            break
    goal, mover, stayer = places_of(env.start.goal), moves.argmax(), moves.argmin()
    for index, offset, fine in ((mover, 0.03, 3), (mover, 0.05, 2), (stayer, 0.03, 2)):
        places = goal.copy()
        places[index, 0] += offset
        put(env, places)
        assert env.observe()[1]["in_place"] == fine


def test_what_is_touched_or_moves_is_not_in_place():
    desired = np.array([0.5, 0.0, -0.1, 0.0, 1.0])
    touched = desired + np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    assert in_place(desired, desired).tolist() == [True]
    assert in_place(touched, desired).tolist() == [False]


def test_two_things_stand_apart_by_their_corners_and_farther_beside_a_tall_one():
    low, tall, wide = np.array([0.02, 0.02, 0.02]), np.array([0.02, 0.02, 0.06]), [0.08, 0.06, 0.02]
    assert room(low, low) == pytest.approx(2 * 0.02 * np.sqrt(2) + 0.05)
    assert room(low, np.array(wide)) == pytest.approx(0.02 * np.sqrt(2) + 0.1 + 0.05)
    assert room(low, tall) == room(tall, low) == 0.135
    assert room(tall, np.array(wide)) > 0.17  # two wide things need more in any case


def test_every_object_has_as_many_steps():
    assert [envs.BUDGETS[name] for name in NAMES] == [40, 80, 120, 160]


@pytest.mark.parametrize("seed", [190_000, 190_001, 190_002])
def test_what_is_moved_passes_over_everything_else(seed):
    env = envs.make("rearrange-4", obs_mode="state").unwrapped
    seen, _ = env.reset(seed=seed)
    tops = np.array([thing.position[2] + thing.half_size[2] for thing in env.start.objects])
    platform = TABLE_Z + 2 * PLATFORM_HALF_SIZE[2]
    for index in range(4):
        highest = max(platform, *np.delete(tops, index))
        assert read(seen, index, np.zeros(3), 4).ceiling == pytest.approx(highest, abs=2e-3)


def layout(now, goal):
    """Cubes of 4 cm; heights in storeys."""
    raise_ = np.array([0.1, 0.1, 0.04])
    base = np.array([0.4, -0.2, TABLE_Z + 0.02])
    now, goal = (np.array(places) * raise_ + base for places in (now, goal))
    moves = np.linalg.norm(now - goal, axis=1) > 0.01
    return Layout(now, goal, moves, np.full((len(now), 3), 0.02))


def test_a_place_is_cleared_before_it_is_filled():
    crowded = layout([(0, 0, 0), (1, 1, 0)], [(1, 1, 0), (2, 3, 0)])
    assert crowded.blocked() == 1
    assert [index for index, _ in crowded.way(np.zeros(3))] == [1, 0]


def test_objects_that_change_places_take_a_third():
    swap = layout([(0, 0, 0), (1, 1, 0)], [(1, 1, 0), (0, 0, 0)])
    assert swap.blocked() == 2
    way = swap.way(np.zeros(3))
    assert [index for index, _ in way] in ([0, 1, 0], [1, 0, 1])
    aside = way[0][1]
    assert (np.linalg.norm((swap.now - aside)[:, :2], axis=1) > 0.08).all()
    for index, place in way:
        assert swap.blocker(index) is None or not np.allclose(place, swap.goal[index])
        swap = swap.after(index, place)
    assert all(swap.arrived(i) for i in range(2))


def test_a_stack_is_built_from_below():
    tower = layout([(0, 0, 0), (2, 2, 0), (2, 4, 0)], [(1, 1, 1), (1, 1, 0), (1, 1, 2)])
    assert [index for index, _ in tower.way(np.zeros(3))] == [1, 0, 2]
    assert tower.blocked() == 0


def test_goal_pictures_are_of_each_move():
    for seed in range(190_000, 190_004):
        goals = make_goals("rearrange-2", seed, "subgoals", image_size=32)
        env = envs.make("rearrange-2", obs_mode="state").unwrapped
        env.reset(seed=seed)
        moved = int((env.start.goal.reshape(2, 5)[:, 4] > 0.5).sum())
        stages = ("grasped", "near", "released")
        assert goals.names == tuple(f"{s}-{i}" for i in range(1, moved + 1) for s in stages)
        assert goals.budgets.sum() == envs.BUDGETS["rearrange-2"]


@pytest.mark.parametrize(("options", "name"), [({"objects": 3}, NAMES[2]), ({}, NAMES[1])])
def test_the_family_is_made_by_number(options, name):
    env = gym.make("worldsim/Rearrange-v0", obs_mode="state", **options)
    assert env.unwrapped.task == name
    env.reset(seed=190_000)
    ends = [env.step(np.zeros(7, dtype=np.float32))[3] for _ in range(envs.BUDGETS[name])]
    assert ends.index(True) == len(ends) - 1
    assert gym.make("worldsim/Rearrange-v0", objects=2, blocked=True).unwrapped.task == BLOCKED


def test_a_number_that_is_not_offered_is_refused():
    with pytest.raises(ValueError, match="rearrange-4"):
        gym.make("worldsim/Rearrange-v0", objects=5)


def test_the_state_tells_of_every_object():
    env = envs.make("rearrange-4", obs_mode="state").unwrapped
    seen, _ = env.reset(seed=190_000)
    for index in range(4):
        part = parts_of(seen["observation"], index)
        np.testing.assert_array_equal(part["object_position"], env.scene.object_position(index))
        np.testing.assert_array_equal(part["half_size"], env.start.objects[index].half_size)
    assert seen["observation"].shape == (34 + 3 * 23,)
