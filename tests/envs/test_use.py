"""An environment in people's hands: copies, mistakes, and simulations that diverge."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import gymnasium as gym
import imageio.v2 as imageio
import numpy as np
import pytest

import envs
from envs.errors import PhysicsError, UserError
from envs.goals import GoalSequence, load_goals, make_goals, save_goals

TASKS = tuple(envs.TASKS)


def test_gymnasiums_own_wrapper_records_a_video(tmp_path):
    pytest.importorskip("moviepy")  # both locks hold it
    env = envs.make("reach", obs_mode="state", render_mode="rgb_array")
    env = gym.wrappers.RecordVideo(env, str(tmp_path / "films"))
    env.reset(seed=190_000)
    for _ in range(3):
        env.step(np.zeros(7, dtype=np.float32))
    env.close()
    (film,) = (tmp_path / "films").glob("*.mp4")
    assert len(imageio.mimread(film, memtest=False)) == 4


@pytest.mark.parametrize("mode", [b"rgb_array", "nope", 5])
def test_a_render_mode_that_is_none_is_refused(mode):
    with pytest.raises(ValueError, match="allowed are rgb_array"):
        envs.make("reach", render_mode=mode)


def test_use_before_reset_says_what_to_do():
    env = envs.make("grasp", obs_mode="state").unwrapped
    for use in (
        lambda: env.step(np.zeros(7)),
        env.observe,
        env.get_state,
        env.privileged,
        lambda: env.start,
    ):
        with pytest.raises(gym.error.ResetNeeded, match="reset"):
            use()


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_copy_taken_after_drawing_goes_on_alike(make_copy, wrapped):
    env = envs.make("pick-place", obs_mode="all", image_size=32)
    env = env if wrapped else env.unwrapped
    env.reset(seed=190_000)
    rng = np.random.default_rng(0)
    for _ in range(3):
        env.step(rng.uniform(-1, 1, 7).astype(np.float32))
    twin = make_copy(env)
    assert twin.unwrapped is not env.unwrapped
    for _ in range(5):
        action = rng.uniform(-1, 1, 7).astype(np.float32)
        mine, *rest = env.step(action)
        theirs, *others = twin.step(action)
        assert rest == others
        assert all(np.array_equal(mine[key], theirs[key]) for key in mine)
    assert twin.unwrapped.initial_state_hash == env.unwrapped.initial_state_hash
    # The one leaves the other alone, and both draw the same next episode.
    physics = twin.unwrapped.state()
    first = env.reset()[1]["initial_state_hash"]
    np.testing.assert_array_equal(twin.unwrapped.state(), physics)
    assert twin.reset()[1]["initial_state_hash"] == first


def test_a_copy_of_an_environment_never_reset_is_fresh():
    twin = copy.deepcopy(envs.make("reach", obs_mode="state", control_period=0.5).unwrapped)
    assert twin.env_spec.control_period == 0.5
    with pytest.raises(gym.error.ResetNeeded):
        twin.step(np.zeros(7))


def test_states_of_another_task_or_variation_are_refused():
    reach = envs.make("reach", obs_mode="state").unwrapped
    reach.reset(seed=190_000)
    grasp = envs.make("grasp", obs_mode="state").unwrapped
    with pytest.raises(ValueError, match="task 'reach' given: this one is 'grasp'"):
        grasp.set_state(reach.get_state())
    with pytest.raises(ValueError, match="variation 'mars'"):
        reach.set_state(reach.get_state() | {"variation": "mars"})


def test_reset_options_and_objects_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="'reach' has none"):
        envs.make("reach", object="cube")
    env = envs.make("reach", obs_mode="state")
    with pytest.raises(ValueError, match="takes no options, got 'goal'"):
        env.reset(seed=190_000, options={"goal": [0, 0, 0]})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("absurd", [1e12, np.nan, np.inf])
@pytest.mark.parametrize("field", ["qpos", "qvel"])
def test_a_diverged_simulation_is_an_error_and_ends_the_episode(task, absurd, field):
    env = envs.make(task, obs_mode="state").unwrapped
    env.reset(seed=190_000)
    getattr(env.data, field)[-1] = absurd
    with pytest.raises(PhysicsError, match="diverged"):
        env.step(np.zeros(7))
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(7))
    fresh = envs.make(task, obs_mode="state").unwrapped
    assert (
        env.reset(seed=190_001)[1]["initial_state_hash"]
        == (fresh.reset(seed=190_001)[1]["initial_state_hash"])
    )
    env.step(np.zeros(7))


def test_a_state_saved_before_it_diverged_goes_on():
    env = envs.make("grasp", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    saved = env.get_state()
    expected = env.step(np.zeros(7))[4]
    env.data.qvel[0] = np.nan
    with pytest.raises(PhysicsError):
        env.step(np.zeros(7))
    env.set_state(saved)
    assert env.step(np.zeros(7))[4] == expected


@pytest.mark.parametrize("backend", ["glx", "glfw", "vulkan"])
def test_a_graphics_backend_that_is_not_offered_is_refused_by_name(backend):
    code = (
        "import envs\n"
        "try: envs.make('reach', image_size=32).reset(seed=0)\n"
        "except ValueError as error: print(error)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"MUJOCO_GL": backend},
    )
    assert f"MUJOCO_GL={backend}" in child.stdout
    assert "egl and osmesa" in child.stdout


@pytest.mark.parametrize("task", TASKS)
def test_actions_beyond_the_box_and_finer_than_float32_are_executed_as_those_inside(task):
    def states(actions: np.ndarray) -> list[bytes]:
        env = envs.make(task, obs_mode="state").unwrapped
        env.reset(seed=190_000)
        found = []
        for action in actions:
            env.step(action)
            found.append(env.state().tobytes())
        return found

    actions = np.random.default_rng(0).uniform(-2, 2, (8, 7))
    inside = np.clip(actions, -1, 1).astype(np.float32)
    assert states(actions) == states(inside)


@pytest.mark.parametrize(
    "nonsense",
    ["abc", None, {"a": 1}, [object()] * 7, np.zeros(7, complex), [[1], [2, 3]], np.zeros((7, 1))],
)
def test_an_action_that_is_not_seven_numbers_is_refused(nonsense):
    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    before = env.state()
    with pytest.raises(ValueError, match="action"):
        env.step(nonsense)
    np.testing.assert_array_equal(env.state(), before)


@pytest.mark.parametrize("nonsense", [None, {}, np.zeros(3), "state", {"task": "reach"}])
def test_a_state_is_what_get_state_gives(nonsense):
    env = envs.make("reach", obs_mode="state").unwrapped
    with pytest.raises(ValueError, match="what get_state gives"):
        env.set_state(nonsense)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"control_period": True}, "control_period"),
        ({"variation": 5}, "variation 5: a name"),
        ({"vectors": ("smell",)}, "unknown vector"),
    ],
)
def test_options_of_another_kind_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        envs.make("reach", **options)
    with pytest.raises(ValueError, match="task 5: a name"):
        envs.make(5)


def test_a_picture_larger_than_any_screen_is_refused():
    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    with pytest.raises(ValueError, match="image size"):
        env.picture("left", 1_000_000)


@pytest.mark.parametrize("options", [{}, {"obs_mode": "state", "reward": "dense"}])
def test_hindsight_where_it_cannot_be_is_told_through_wrappers(options):
    env = gym.wrappers.RecordEpisodeStatistics(envs.make("reach", **options))
    with pytest.raises(UserError, match="obs_mode="):
        env.get_wrapper_attr("compute_reward")


def test_what_wrappers_do_not_hand_on_is_said_to_be_inside():
    env = envs.make("reach", obs_mode="state")
    for name in ("get_state", "env_spec", "start"):
        with pytest.raises(AttributeError, match=f"{name} is the environment's own: env.unwrapped"):
            getattr(env, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        env.nonsense  # noqa: B018
    assert not hasattr(env, "_scenes")


def test_an_environment_is_made_again_from_its_spec():
    """As Minari does, and anybody who keeps a specification."""
    env = envs.make("grasp", obs_mode="state")
    twin = gym.make(env.spec)
    for name, value in env.reset(seed=190_000)[0].items():
        np.testing.assert_array_equal(twin.reset(seed=190_000)[0][name], value)
    assert callable(twin.get_wrapper_attr("compute_reward"))


@pytest.mark.parametrize("field", ["start", "progress", "physics", "controller", "highest", "rng"])
def test_a_state_that_lacks_something_or_holds_another_thing_is_refused(field):
    env = envs.make("grasp", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    saved = env.get_state()
    for junk in (None, {}, [], "x", np.zeros((2, 2)), np.array(["a"]), {"position": 5}):
        with pytest.raises(ValueError, match=r"what get_state gives|physics state has shape"):
            env.set_state(saved | {field: junk})
    with pytest.raises(ValueError, match="what get_state gives"):
        env.set_state({name: value for name, value in saved.items() if name != field})
    env.set_state(saved)
    env.step(np.zeros(7))


@pytest.mark.parametrize("junk", [object(), np.zeros((2, 2)), {"a": 1}, 5, b"left"])
def test_goals_of_things_that_are_no_names_are_refused(junk):
    for given in ({"task": junk}, {"mode": junk}, {"cameras": junk}, {"image_size": junk}):
        with pytest.raises(ValueError, match=r"name|unknown goal|image_size"):
            make_goals(**{"task": "reach", "seed": 190_000} | given)


ONE = {"image_left": np.zeros((1, 16, 16, 3), np.uint8), "names": ["there"], "budgets": [20]}


@pytest.mark.parametrize(
    "odd",
    [
        {"names": ["there", "back"]},
        {"budgets": ["x"]},
        {"budgets": 20},
        {"image_wrist": np.zeros((2, 16, 16, 3), np.uint8)},
        {"image_left": np.zeros((1, 16, 16, 3))},
    ],
)
def test_a_file_of_goals_that_do_not_go_together_is_refused(odd, tmp_path):
    np.savez(tmp_path / "goal.npz", **ONE)
    assert load_goals(tmp_path / "goal.npz").names == ("there",)
    np.savez(tmp_path / "goal.npz", **ONE | odd)
    with pytest.raises(UserError, match="holds no goal pictures: its entries do not go together"):
        load_goals(tmp_path / "goal.npz")


def test_goals_are_saved_by_any_kind_of_path_and_nothing_is_not(tmp_path):
    goals = GoalSequence({}, ("there",), np.array([20]))
    save_goals(str(tmp_path / "new" / "goal.npz"), goals)
    assert load_goals(tmp_path / "new" / "goal.npz").names == ("there",)
    with pytest.raises(UserError, match="a goal is what make_goals gives, not None"):
        save_goals(tmp_path / "none.npz", None)
    assert not (tmp_path / "none.npz").exists()
