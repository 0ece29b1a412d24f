"""Imagination commands what the controller commands, at the edge of its box too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import envs
from tests.worldsim.test_world_model import small_model
from worldsim import poses
from worldsim.context import Context
from worldsim.limits import Limits

STEPS = 12


def limits(spec: envs.EnvSpec) -> Limits:
    return Limits.of(spec.workspace_low, spec.workspace_high, spec.rotation_limit)


@pytest.mark.parametrize("pull", [[0.0] * 7, [0.9, 0.9, -0.9, 0.0, 0.0, 0.9, 0.0], [0.9] * 7])
def test_imagined_targets_are_the_controllers(pull):
    env = envs.make("reach", obs_mode="state").unwrapped
    seen, _ = env.reset(seed=190_001)
    rng = np.random.default_rng(0)
    actions = np.clip(rng.uniform(-1, 1, (STEPS, 7)) + pull, -1, 1).astype(np.float32)
    model, controller = small_model(), env.scene.controller
    start = Context(
        torch.zeros(1, 8, 24),
        np.zeros((0, 7)),
        seen["proprio"].astype(np.float64)[None],
        controller.target.vector(),
        limits(env.env_spec),
    )
    imagined, relative = model.commands(start, torch.from_numpy(actions)[None])
    true = []
    for action in actions:
        controller.command(action.astype(np.float64))
        true.append(controller.target.vector())
    assert_same_poses(imagined[0].double().numpy(), np.stack(true))
    before = np.concatenate([start.proprio, np.stack(true)[:-1]])
    moved = poses.compose(before, relative[0].double().numpy())
    assert_same_poses(moved, np.stack(true))
    if any(pull):  # the edge was met, so clipping was put to the test
        free = Context(start.latents, start.actions, start.proprio, start.target)
        beyond = model.commands(free, torch.from_numpy(actions)[None])[0]
        assert (beyond - imagined).abs().max() > 0.05


def assert_same_poses(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one[:, [0, 1, 2, 6]], other[:, [0, 1, 2, 6]], atol=1e-5)
    turn = Rotation.from_euler("xyz", one[:, 3:6]) * Rotation.from_euler("xyz", other[:, 3:6]).inv()
    assert turn.magnitude().max() < 1e-4


def test_what_is_imagined_is_what_the_environment_does_with_the_target():
    env = envs.make("reach", obs_mode="state").unwrapped
    seen, _ = env.reset(seed=190_001)
    actions = np.zeros((4, 7), dtype=np.float32)
    actions[:, 2] = -1.0  # down, past the lowest point of the box
    start = Context(
        torch.zeros(1, 8, 24),
        np.zeros((0, 7)),
        seen["proprio"].astype(np.float64)[None],
        seen["target"].astype(np.float64),
        limits(env.env_spec),
    )
    imagined, _ = small_model().commands(start, torch.from_numpy(actions)[None])
    for action in actions:
        seen, *_ = env.step(action)
    assert float(imagined[0, -1, 2]) == pytest.approx(env.env_spec.workspace_low[2], abs=1e-6)
    np.testing.assert_allclose(seen["target"][:3], imagined[0, -1, :3], atol=2e-3)


def test_clipped_poses_can_be_differentiated():
    spec = envs.make("reach", obs_mode="state").unwrapped.env_spec
    pose = torch.tensor(
        [[0.5, 0.0, 0.1, np.pi, 0.0, 0.0, 0.2], [9.0, 0.0, 0.1, 2.0, 0.0, 1.9, 0.2]]
    )
    pose.requires_grad_()
    (slope,) = torch.autograd.grad(limits(spec).clip(pose).sum(), pose)
    assert slope.isfinite().all()
    assert slope[0].tolist() == [1.0] * 7
    assert slope[1, 0] == 0.0
