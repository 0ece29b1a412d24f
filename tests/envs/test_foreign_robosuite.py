"""Stock robosuite behind our protocol: repeatable, moved by our actions, solved by its experts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("robosuite")

import envs
from envs.goals import make_goals
from envs.rendering import Renderer
from envs.sim_env import bare
from envs.tasks import FOREIGN

TASKS = tuple(name for name in FOREIGN if name.startswith("robosuite/"))
SEED = 190_003


@pytest.fixture(scope="module", params=TASKS)
def env(request):
    return envs.make(request.param, cameras=("left", "wrist"), image_size=48, obs_mode="state")


@pytest.fixture(scope="module")
def lift():
    return envs.make("robosuite/Lift", cameras=("left", "wrist"), image_size=48, obs_mode="all")


def solve(env, seed):
    """Steps the expert takes; the budget where it fails."""
    observation, _ = env.reset(seed=seed)
    expert = env.task_spec.expert()
    for step in range(1, env.env_spec.budget + 1):
        observation, reward, *_ = env.step(expert.act(observation))
        if env.success():
            assert reward == 1.0
            return step
    return None


def test_the_expert_solves_it_by_robosuites_own_test(env):
    assert solve(env, SEED) is not None
    assert env.stock.env._check_success()


def test_the_hand_does_not_slide_off_the_handle():
    door = envs.make("robosuite/Door", cameras=("left",), image_size=48, obs_mode="state")
    assert solve(bare(door), 100_001) is not None


def test_a_start_is_decided_by_its_seed_alone(env):
    first, info = env.reset(seed=SEED)
    state = env.state()
    env.step(np.ones(7))
    _, other = env.reset(seed=SEED + 1)
    np.random.seed(1)  # noqa: NPY002  (what a careless neighbour does)
    again, repeated = env.reset(seed=SEED)
    np.testing.assert_array_equal(env.state(), state)
    np.testing.assert_array_equal(again["observation"], first["observation"])
    assert repeated["initial_state_hash"] == info["initial_state_hash"]
    assert other["initial_state_hash"] != info["initial_state_hash"]
    assert not env.success()


def test_a_restored_state_continues_bit_for_bit(env):
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (4, 7))
    env.reset(seed=SEED)
    env.step(actions[0])
    saved = env.get_state()
    ends = []
    for seed in (None, SEED + 1):  # from the same episode, and from another one
        if seed is not None:
            env.reset(seed=seed)
        env.set_state(saved)
        for action in actions[1:]:
            observation, *_ = env.step(action)
        ends.append((env.state(), observation["observation"], observation["target"]))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_goal_pictures_show_the_stages_in_order(env):
    task = env.env_spec.task
    for mode, schedule in env.task_spec.schedules.items():
        assert sum(schedule.values()) == env.env_spec.budget
        assert set(schedule) <= set(env.task_spec.expert().stages)
        assert mode in ("subgoals", "dense", "final")
    goals = make_goals(task, SEED, cameras=("left",), image_size=48)
    assert goals is not None
    assert goals.names == tuple(env.task_spec.schedules["subgoals"])
    env.reset(seed=SEED)
    start = env.picture("left").astype(int)
    for picture in goals.images["left"]:
        assert np.abs(picture - start).mean() > 2.0


def test_the_tool_points_down_and_starts_open_in_our_convention(lift):
    observation, _ = lift.reset(seed=SEED)
    x, y, z, roll, pitch, yaw, closedness = observation["proprio"]
    assert abs(abs(roll) - np.pi) < 0.2
    assert max(abs(pitch), abs(yaw)) < 0.2
    assert closedness < 0.1
    # 15 to 25 cm above the table, before the robot.
    assert 0.3 < x < 0.6
    assert abs(y) < 0.1
    assert 0.0 < z < 0.2


@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (1, 1), (1, -1), (2, 1)])
def test_a_full_action_moves_the_tool_by_its_scale_in_the_base_frame(lift, axis, sign):
    lift.reset(seed=SEED)
    before, _ = lift.stock.arm.tool_pose(lift.stock.data)
    action = np.zeros(7)
    action[axis] = sign
    lift.step(action)
    after, _ = lift.stock.arm.tool_pose(lift.stock.data)
    wanted = np.zeros(3)
    wanted[axis] = sign * 0.075
    np.testing.assert_allclose(after - before, wanted, atol=0.008)


def test_a_rotation_turns_the_tool_about_the_base_frames_axis(lift):
    before = lift.reset(seed=SEED)[0]["proprio"]
    after = lift.step(np.array([0, 0, 0, 0, 0, 1.0, 0]))[0]["proprio"]
    assert after[5] - before[5] == pytest.approx(0.15, abs=0.02)


def test_the_gripper_follows_its_closedness_both_ways_and_stays_between(lift):
    lift.reset(seed=SEED)
    seen = []
    for change in (1.0, 0.0, -0.5, 0.0, -0.5, 0.0):
        observation, *_ = lift.step(np.array([0, 0, 0, 0, 0, 0, change]))
        seen.append(observation["proprio"][6])
    assert seen[1] > 0.9
    assert seen[3] == pytest.approx(0.5, abs=0.1)
    assert seen[5] < 0.15


def test_a_zero_action_holds_still(lift):
    lift.reset(seed=SEED)
    before, _ = lift.stock.arm.tool_pose(lift.stock.data)
    for _ in range(4):
        lift.step(np.zeros(7))
    after, _ = lift.stock.arm.tool_pose(lift.stock.data)
    assert np.linalg.norm(after - before) < 0.001


def test_pictures_are_upright_of_their_cameras_and_leave_the_state_alone(lift):
    observation, _ = lift.reset(seed=SEED)
    state = lift.state()
    left = lift.picture("left", 64).astype(int)
    # The white table lies in the lower half, the grey wall in the upper one.
    assert left[48:].mean() > left[:16].mean() + 40
    np.testing.assert_array_equal(lift.picture("left"), observation["image_left"])
    assert (lift.picture("wrist") != lift.picture("agentview")).any()
    np.testing.assert_array_equal(lift.state(), state)


def test_a_stored_state_is_drawn_as_it_was_seen(lift):
    lift.reset(seed=SEED)
    state, seen = lift.state(), lift.picture("left")
    for _ in range(3):
        lift.step(np.array([0, 1.0, 0, 0, 0, 0, 0]))
    assert (lift.picture("left") != seen).any()
    np.testing.assert_array_equal(lift.picture("left", state=state), seen)


def test_our_own_pictures_are_the_same_beside_robosuites(lift):
    ours = bare(envs.make("grasp", image_size=48))
    ours.reset(seed=SEED)
    before = ours.picture("left")
    lift.reset(seed=SEED)
    lift.picture("left")
    lift.reset(seed=SEED + 1)
    np.testing.assert_array_equal(ours.picture("left"), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cameras": ("right",)}, "allowed are left, wrist, agentview"),
        ({"obs_mode": "words"}, "allowed are pixels, state, all"),
        ({"variation": "diverse"}, "allowed are default"),
    ],
)
def test_a_wrong_option_gets_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        envs.make("robosuite/Lift", **options)


@pytest.mark.parametrize("action", [np.zeros(6), np.full(7, np.nan)])
def test_an_action_that_is_not_seven_finite_numbers_is_refused(lift, action):
    lift.reset(seed=SEED)
    with pytest.raises(ValueError, match="seven finite numbers"):
        lift.step(action)


def test_without_robosuite_it_says_what_to_install():
    code = (
        "import sys; sys.modules['robosuite'] = None\n"
        "import envs\n"
        "try: envs.make('robosuite/Lift')\n"
        "except ValueError as error: print(error)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert "robosuite/Lift needs robosuite" in child.stdout
    assert "worldsim[scenes]" in child.stdout


def test_shadows_and_reflections_are_drawn_where_asked(lift):
    lift.reset(seed=SEED)
    model, data = lift.stock.model, lift.stock.data
    plain, full = (
        Renderer(model, 48, groups=(1, 2), effects=effects).render(data, "left")
        for effects in (False, True)
    )
    assert (plain != full).any()
