"""Depth in metres and ids of bodies, beside unchanged colours."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

import envs
from envs.depth import FARTHEST_M

SIZE = 48
SENSES = {"depth": "depth", "segmentation": "bodies"}
"""Value of obs_mode -> what stands before the camera's name."""


def rays(model: mujoco.MjModel, data: mujoco.MjData, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """(SIZE, SIZE) metres along the axis and body, found by MuJoCo's rays through the pixels."""
    eye = data.camera(camera)
    half = np.tan(np.deg2rad(model.camera(camera).fovy[0]) / 2)
    places = half * ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1)
    groups = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)
    depth, body = np.full((SIZE, SIZE), np.nan), np.full((SIZE, SIZE), -1)
    hit = np.zeros(1, dtype=np.int32)
    for row, column in np.ndindex(SIZE, SIZE):
        ray = np.array([places[column], -places[row], -1.0])  # one metre along the axis
        length = np.linalg.norm(ray)
        way = eye.xmat.reshape(3, 3) @ ray / length
        distance = mujoco.mj_ray(model, data, eye.xpos, way, groups, 1, -1, hit)
        if hit[0] >= 0:
            depth[row, column], body[row, column] = distance / length, model.geom_bodyid[hit[0]]
    return depth, body


@pytest.mark.parametrize("camera", envs.CAMERAS)
def test_depth_is_what_rays_find(camera: str) -> None:
    env = envs.make("grasp", cameras=(camera,), image_size=SIZE, obs_mode="depth", object="cube")
    depth = env.reset(seed=190_000)[0][f"depth_{camera}"]
    model, data = env.unwrapped.model, env.unwrapped.data
    near, expected = model.vis.map.znear * model.stat.extent, rays(model, data, camera)[0]
    assert near < depth.min() < depth.max() < FARTHEST_M
    # A pixel at an edge may show either side, and round things are drawn with flat sides.
    error = np.abs(depth - expected)[np.isfinite(expected) & (expected > near)]
    assert error.size > SIZE * SIZE / 2
    assert np.median(error) < 1e-5
    assert np.mean(error < 2e-3) > 0.97


@pytest.mark.parametrize("camera", envs.CAMERAS)
def test_bodies_are_what_rays_hit(camera: str) -> None:
    options = {"cameras": (camera,), "image_size": SIZE, "obs_mode": "segmentation"}
    env = envs.make("grasp", object="cube", **options)
    found = env.reset(seed=190_000)[0][f"bodies_{camera}"]
    model, data = env.unwrapped.model, env.unwrapped.data
    assert np.mean(found == rays(model, data, camera)[1]) > 0.97
    names = {model.body(body).name for body in np.unique(found)}
    assert len(names) > 3
    assert "object" in names


@pytest.mark.parametrize("mode", SENSES)
def test_a_sense_is_repeatable_and_colours_are_as_without_it(mode: str) -> None:
    options = {"cameras": ("left", "wrist"), "image_size": SIZE}
    plain, first, second = (
        envs.make("grasp", obs_mode=chosen, **options) for chosen in ("pixels", mode, mode)
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
    assert set(seen[1]) - set(seen[0]) == {f"{SENSES[mode]}_left", f"{SENSES[mode]}_wrist"}


@pytest.mark.parametrize("mode", SENSES)
def test_noise_in_the_colours_leaves_a_sense_alone(mode: str) -> None:
    clean, noisy = (
        envs.make("grasp", obs_mode=mode, image_size=SIZE, variation=name).reset(seed=190_002)[0]
        for name in ("default", "held-out:image")
    )
    assert (clean["image_left"] != noisy["image_left"]).any()
    sense = f"{SENSES[mode]}_left"
    np.testing.assert_array_equal(clean[sense], noisy[sense])


@pytest.mark.parametrize(("mode", "kind"), [("depth", np.float32), ("segmentation", np.int32)])
def test_goals_are_not_observed_with_a_sense(mode: str, kind: type) -> None:
    env = envs.make("reach", obs_mode=mode, image_size=SIZE)
    sense = f"{SENSES[mode]}_left"
    assert set(env.observation_space) == {"proprio", "target", "image_left", sense}
    assert env.observation_space[sense].shape == (SIZE, SIZE)
    assert env.observation_space[sense].dtype == kind
    assert not hasattr(env.unwrapped, "compute_reward")
