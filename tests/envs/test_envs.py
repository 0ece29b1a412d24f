"""What every registered environment promises."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

import envs
from envs import BUDGETS, TASKS
from envs.spec import OBS_MODES

ALL_TASKS = tuple(TASKS)


def rollout(env: gym.Env, seed: int, steps: int = 40) -> tuple[str, list[bytes]]:
    """Initial-state hash and the physics states of a seeded random rollout."""
    _, info = env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(steps):
        env.unwrapped.step(rng.uniform(-1, 1, 7))
        states.append(env.unwrapped.state().tobytes())
    return info["initial_state_hash"], states


@pytest.mark.parametrize("task", ALL_TASKS)
@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_checkers_of_gymnasium_and_sb3_pass_without_a_warning(task, obs_mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if obs_mode in ("depth", "segmentation"):  # SB3 wonders about (S, S), Gymnasium does not
            warnings.filterwarnings("ignore", r"Your observation \w+ has an unconventional shape")
        env = envs.make(task, obs_mode=obs_mode, image_size=64, render_mode="rgb_array")
        # The render check opens every mode; "human" needs a display.
        gymnasium_check(env.unwrapped, skip_render_check="DISPLAY" not in os.environ)
        sb3_check(env.unwrapped)
        sb3_check(env)


@pytest.mark.parametrize("task", ALL_TASKS)
def test_states_depend_on_the_seed_alone(task):
    fresh = rollout(envs.make(task, obs_mode="state"), 190_001)
    used = envs.make(task, obs_mode="state")
    rollout(used, 190_002, 7)
    assert rollout(used, 190_001) == fresh
    assert rollout(used, 190_002)[0] != fresh[0]


# What NumPy and OpenBLAS choose on older processors; elsewhere they are ignored.
OLD_KERNELS = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
}


def expert_run(seed: int) -> str:
    """Digest of the start and the physics states of the expert's episode."""
    env = envs.make("pick-place", obs_mode="state")
    observation, info = env.reset(seed=seed)
    digest = hashlib.sha256(info["initial_state_hash"].encode())
    expert = TASKS["pick-place"].expert()
    for _ in range(25):
        observation = env.step(expert.act(observation))[0]
        digest.update(env.unwrapped.state().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("kernels", [{}, OLD_KERNELS], ids=["same", "older"])
def test_a_new_process_gives_the_same_states_whatever_the_processor(kernels):
    code = (
        "import sys; sys.path.insert(0, 'tests/envs')\n"
        "from test_envs import expert_run; print(expert_run(190001))"
    )
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": "", "OPENBLAS_CORETYPE": ""} | kernels
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.split()[-1] == expert_run(190_001)


@pytest.mark.parametrize("count", [1, 2])
def test_vector_envs_of_any_size_start_the_same(count):
    vector = gym.vector.AsyncVectorEnv(
        [lambda: envs.make("grasp", obs_mode="all", image_size=32) for _ in range(count)],
        context="spawn",
    )
    try:
        observation, info = vector.reset(seed=[190_001 + i for i in range(count)])
        vector.step(np.zeros((count, 7), dtype=np.float32))
    finally:
        vector.close()
    env = envs.make("grasp", obs_mode="all", image_size=32)
    alone, alone_info = env.reset(seed=190_001)
    assert info["initial_state_hash"][0] == alone_info["initial_state_hash"]
    np.testing.assert_array_equal(observation["observation"][0], alone["observation"])
    assert observation["image_left"].shape == (count, 32, 32, 3)


@pytest.mark.parametrize("task", ALL_TASKS)
def test_saved_states_replay_bit_for_bit(task):
    env = envs.make(task, obs_mode="state").unwrapped
    env.reset(seed=190_003)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (16, 7))
    for action in actions[:6]:
        env.step(action)
    saved = env.get_state()
    first = [env.step(a)[4]["distance_m"] for a in actions[6:]]
    end = env.state()
    env.reset(seed=190_004)
    env.set_state(saved)
    assert [env.step(a)[4]["distance_m"] for a in actions[6:]] == first
    assert env.state().tobytes() == end.tobytes()


@pytest.mark.parametrize("task", ALL_TASKS)
def test_no_start_is_solved_and_hindsight_rewards_are_exact(task):
    env = envs.make(task, obs_mode="state")
    for seed in range(190_000, 190_040):
        observation, info = env.reset(seed=seed)
        assert not info["is_success"]
        rules = TASKS[task].task()
        assert not rules.condition(env.unwrapped.scene, observation["desired_goal"])
    achieved, desired, rewards = [], [], []
    for _ in range(10):
        observation, reward, _, _, info = env.step(env.action_space.sample())
        achieved.append(observation["achieved_goal"])
        desired.append(observation["desired_goal"])
        rewards.append(reward)
    batch = env.unwrapped.compute_reward(np.stack(achieved), np.stack(desired), info)
    np.testing.assert_array_equal(batch, rewards)
    relabelled = env.unwrapped.compute_reward(np.stack(achieved), np.stack(achieved), info)
    np.testing.assert_array_equal(relabelled, 0.0)


@pytest.mark.parametrize("task", ALL_TASKS)
def test_dense_reward_is_the_sum_of_its_terms(task):
    env = envs.make(task, obs_mode="state", reward="dense")
    env.reset(seed=190_000)
    _, reward, terminated, _, info = env.step(np.zeros(7, dtype=np.float32))
    assert reward == pytest.approx(sum(info["reward_terms"].values()))
    assert terminated is False


@pytest.mark.parametrize("task", ALL_TASKS)
def test_episodes_end_at_the_budget(task):
    env = envs.make(task, obs_mode="state")
    env.reset(seed=190_000)
    ends = [env.step(np.zeros(7, dtype=np.float32))[3] for _ in range(BUDGETS[task])]
    assert ends == [False] * (BUDGETS[task] - 1) + [True]


def test_a_zero_action_holds_still_and_keeps_the_squeeze():
    env = envs.make("grasp", obs_mode="state", object="cube")
    observation, info = env.reset(seed=190_005)
    expert = TASKS["grasp"].expert()
    while not info["is_success"]:
        observation, _, _, _, info = env.step(expert.act(observation))
    scene = env.unwrapped.scene
    before = scene.object_position() - scene.tool_position()
    start = observation["proprio"].copy()
    for _ in range(20):
        observation, *_ = env.unwrapped.step(np.zeros(7))
    assert np.linalg.norm(observation["proprio"][:3] - start[:3]) < 0.003
    assert scene.finger_contacts().all()
    after = scene.object_position() - scene.tool_position()
    assert np.linalg.norm(after - before) < 0.002


def test_translations_arrive_within_three_millimetres_without_turning():
    env = envs.make("reach", obs_mode="state").unwrapped
    rng = np.random.default_rng(0)
    errors, turns = [], []
    for seed in range(190_000, 190_010):
        observation, _ = env.reset(seed=seed)
        yaw = observation["proprio"][5]
        for _ in range(20):
            action = np.zeros(7)
            action[:3] = rng.uniform(-1, 1, 3)
            observation, *_ = env.step(action)
            errors.append(np.linalg.norm(observation["proprio"][:3] - observation["target"][:3]))
        turns.append(abs(np.rad2deg(observation["proprio"][5] - yaw)))
    assert np.median(errors) < 0.003
    assert max(turns) < 2.0


def test_set_points_ramp_over_three_quarters_of_a_control_period(monkeypatch):
    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    controller = env.scene.controller
    before, told, steps, step = controller.joint_target.copy(), [], [], mujoco.mj_step

    def watched(model, data, nstep):
        told.append(data.ctrl[controller.arm_ctrl].copy())
        steps.append(nstep)
        step(model, data, nstep=nstep)

    monkeypatch.setattr(mujoco, "mj_step", watched)
    env.step(np.array([1.0, 0, 0, 0, 0, 0, 0]))
    way = controller.joint_target - before
    assert np.abs(way).max() > 0.01
    shares = [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(told, before + np.outer(shares, way), atol=1e-12)
    assert sum(steps) == controller.steps
    assert max(steps) - min(steps) <= 1


def test_the_tool_stays_in_its_workspace():
    from envs.geometry import WORKSPACE_HIGH, WORKSPACE_LOW

    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    for direction in np.concatenate([np.eye(3), -np.eye(3)]):
        for _ in range(15):
            observation, *_ = env.step(np.concatenate([direction, np.zeros(4)]))
        place = observation["proprio"][:3]
        assert (place > WORKSPACE_LOW - 0.01).all()
        assert (place < WORKSPACE_HIGH + 0.01).all()


def test_the_gripper_is_never_sent_beyond_open_or_closed():
    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    for sign, end in ((-1.0, 0.0), (1.0, 1.0), (-1.0, 0.0)):
        for _ in range(6):
            observation, *_ = env.step(np.array([0, 0, 0, 0, 0, 0, sign]))
        assert observation["target"][6] == end


def test_frames_are_drawn_only_when_asked_for(monkeypatch):
    import envs.scene

    def refuse(*_):
        raise AssertionError("a renderer was made")

    monkeypatch.setattr(envs.scene, "Renderer", refuse)
    env = envs.make("grasp", obs_mode="state")
    observation, _ = env.reset(seed=190_000)
    env.step(np.zeros(7, dtype=np.float32))
    assert not any(key.startswith("image") for key in observation)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cameras": ("front",)}, "left, right, wrist"),
        ({"cameras": "left"}, "tuple"),
        ({"obs_mode": "video"}, "pixels, depth, segmentation, state, all"),
        ({"object": "teapot"}, "cube, can, bread, milk"),
        ({"variation": "mars"}, "default"),
        ({"reward": "shaped"}, "sparse, dense"),
        ({"image_size": 4}, "16 to 1024"),
        ({"control_period": 0.001}, "0.032 to 10"),
        ({"control_period": float("nan")}, "0.032 to 10"),
        ({"control_period": 1e6}, "0.032 to 10"),
        ({"control_period": "fast"}, "0.032 to 10"),
        ({"cameras": ("left", "left")}, "given twice"),
        ({"image_size": 64.5}, "whole number"),
        ({"vectors": ("touch",)}, "unknown vector"),
        ({"camera": "left"}, "unknown option 'camera' .*did you mean cameras"),
    ],
)
def test_bad_options_say_what_is_allowed(options, words):
    with pytest.raises(ValueError, match=words):
        envs.make("grasp", **options)
    with pytest.raises(ValueError, match="reach, grasp, pick-place"):
        envs.make("juggle")


@pytest.mark.parametrize("action", [np.zeros(6), np.full(7, np.nan), np.full(7, np.inf)])
def test_bad_actions_are_refused(action):
    env = envs.make("reach", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    with pytest.raises(ValueError, match="action"):
        env.step(action)


def test_importing_envs_is_light():
    code = (
        "import time, sys; t = time.perf_counter(); import envs; "
        "print(time.perf_counter() - t, 'torch' in sys.modules, 'robosuite' in sys.modules, "
        "'OpenGL' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split()[1:] == ["False", "False", "False"]
