"""Depth pictures: metres along the camera's axis, beside unchanged colours."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

import envs
from envs.depth import FARTHEST_M

SIZE = 48


def ray_depth(model: mujoco.MjModel, data: mujoco.MjData, camera: str) -> np.ndarray:
    """(SIZE, SIZE) the same by MuJoCo's ray casting, through the middle of each pixel, m."""
    eye = data.camera(camera)
    half = np.tan(np.deg2rad(model.camera(camera).fovy[0]) / 2)
    places = half * ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1)
    groups = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)
    found, hit = np.full((SIZE, SIZE), np.nan), np.zeros(1, dtype=np.int32)
    for row, column in np.ndindex(SIZE, SIZE):
        ray = np.array([places[column], -places[row], -1.0])  # one metre along the axis
        length = np.linalg.norm(ray)
        way = eye.xmat.reshape(3, 3) @ ray / length
        distance = mujoco.mj_ray(model, data, eye.xpos, way, groups, 1, -1, hit)
        if hit[0] >= 0:
            found[row, column] = distance / length
    return found


@pytest.mark.parametrize("camera", envs.CAMERAS)
def test_depth_is_what_rays_find(camera: str) -> None:
    env = envs.make("grasp", cameras=(camera,), image_size=SIZE, obs_mode="depth", object="cube")
    seen, _ = env.reset(seed=190_000)
    depth = seen[f"depth_{camera}"]
    model, data = env.unwrapped.model, env.unwrapped.data
    near, expected = model.vis.map.znear * model.stat.extent, ray_depth(model, data, camera)
    assert near < depth.min() < depth.max() < FARTHEST_M
    # A pixel at an edge may show either side, and round things are drawn with flat sides.
    error = np.abs(depth - expected)[np.isfinite(expected) & (expected > near)]
    assert error.size > SIZE * SIZE / 2
    assert np.median(error) < 1e-5
    assert np.mean(error < 2e-3) > 0.97


def test_depth_is_repeatable_and_colours_are_as_without_it() -> None:
    options = {"cameras": ("left", "wrist"), "image_size": SIZE}
    plain, first, second = (
        envs.make("grasp", obs_mode=mode, **options) for mode in ("pixels", "depth", "depth")
    )
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=190_001)[0] for env in (plain, first, second)]
    for _ in range(3):
        for name, value in seen[0].items():
            np.testing.assert_array_equal(seen[1][name], value)
        for name, value in seen[1].items():
            np.testing.assert_array_equal(seen[2][name], value)
        action = rng.uniform(-1, 1, 7).astype(np.float32)
        seen = [env.step(action)[0] for env in (plain, first, second)]
    assert set(seen[1]) - set(seen[0]) == {"depth_left", "depth_wrist"}


def test_noise_in_the_colours_leaves_depth_alone() -> None:
    clean, noisy = (
        envs.make("grasp", obs_mode="depth", image_size=SIZE, variation=name).reset(seed=190_002)[0]
        for name in ("default", "held-out:image")
    )
    assert (clean["image_left"] != noisy["image_left"]).any()
    np.testing.assert_array_equal(clean["depth_left"], noisy["depth_left"])


def test_goals_are_not_observed_with_depth() -> None:
    env = envs.make("reach", obs_mode="depth", image_size=SIZE)
    assert set(env.observation_space) == {"proprio", "target", "image_left", "depth_left"}
    assert env.observation_space["depth_left"].shape == (SIZE, SIZE)
    assert env.observation_space["depth_left"].dtype == np.float32
    assert not hasattr(env.unwrapped, "compute_reward")
