"""Push: what was lifted once has not been pushed, whatever happens to it afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from envs.experts import ScriptedExpert
from envs.geometry import BASE_POS
from envs.pick_place import PLACE_STAGES
from envs.push import LIFTED_M, TOLERANCE_M

SEED = 190_000


def carried(env):
    """The object at the mark, at rest and let go, after a way through the air."""
    expert = ScriptedExpert((*envs.TASKS["grasp"].expert()._stages, *PLACE_STAGES))
    observation, info = env.reset(seed=SEED)
    for _ in range(40):
        observation, _, _, _, info = env.step(expert.act(observation))
    return observation, info


def test_what_was_carried_to_the_mark_has_not_been_pushed_there():
    env = envs.make("push", obs_mode="state").unwrapped
    observation, info = carried(env)
    assert info["distance_m"] < TOLERANCE_M
    assert env.scene.clearance() < 0.001
    assert not env.scene.finger_contacts().any()
    assert not info["is_success"]
    assert env.compute_reward(observation["achieved_goal"], observation["desired_goal"], {}) == -1.0


def test_that_it_was_lifted_is_saved_and_restored_and_forgotten_at_reset():
    env = envs.make("push", obs_mode="state").unwrapped
    carried(env)
    saved, seen = env.get_state(), env.observe()[0]
    other = envs.make("push", obs_mode="state").unwrapped
    other.reset(seed=SEED + 1)
    assert other.scene.highest[0] < LIFTED_M
    other.set_state(saved)
    np.testing.assert_array_equal(other.observe()[0]["achieved_goal"], seen["achieved_goal"])
    other.reset(seed=SEED)
    assert other.observe()[0]["achieved_goal"][4] == 0.0


def test_the_expert_keeps_the_object_on_the_table():
    env, expert = envs.make("push", obs_mode="state"), envs.TASKS["push"].expert()
    for kind in ("cube", "can", "bread", "milk"):
        env = envs.make("push", obs_mode="state", object=kind)
        observation, info = env.reset(seed=SEED)
        expert.reset()
        while not info["is_success"]:
            observation, _, truncated, _, info = env.step(expert.act(observation))
            assert not truncated
        assert env.unwrapped.scene.highest[0] < LIFTED_M


@pytest.mark.parametrize("camera", ["left", "right"])
def test_the_mark_is_drawn_where_the_object_is_to_go_and_touches_nothing(camera):
    env = envs.make("push", obs_mode="state").unwrapped
    env.reset(seed=SEED)
    marked, model = env.picture(camera, 128), env.model
    site = model.site("goal")
    np.testing.assert_allclose(site.pos[:2] - BASE_POS[:2], env.start.goal[:2])
    site.group[:] = 5
    bare = env.picture(camera, 128)
    rows, columns = np.nonzero((marked != bare).any(axis=2))
    assert 60 < len(rows) < 1500
    green = marked[rows, columns].astype(int)
    assert (green[:, 1] > green[:, 0]).mean() > 0.9
    env.reset(seed=SEED + 1)
    assert site.group == 0


def test_other_tasks_show_no_mark():
    env = envs.make("pick-place", obs_mode="state").unwrapped
    env.reset(seed=SEED)
    assert env.model.site("goal").group == 5
