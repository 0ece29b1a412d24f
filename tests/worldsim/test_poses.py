"""Pose algebra: the golden cases, scipy as an independent reference, and the torch twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from worldsim import poses

GOLDEN = Path(__file__).parents[1] / "data" / "vjepa2_golden.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as data:
        return {key: data[f"io.{key}"] for key in ("pose", "pose_action", "pose_next", "pose_diff")}


def random_poses(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    euler = Rotation.random(count, random_state=seed).as_euler("xyz")
    return np.concatenate([rng.normal(size=(count, 3)), euler, rng.random((count, 1))], axis=1)


def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    turn = Rotation.from_euler("xyz", first) * Rotation.from_euler("xyz", second).inv()
    return turn.magnitude()


def test_compose_matches_the_golden_cases(golden):
    got = poses.compose(golden["pose"], golden["pose_action"])
    np.testing.assert_allclose(got, golden["pose_next"], atol=1e-6)


def test_difference_matches_the_golden_cases(golden):
    got = poses.difference(golden["pose"], golden["pose_next"])
    np.testing.assert_allclose(got, golden["pose_diff"], atol=1e-6)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_torch_matches_the_golden_cases(golden, dtype, atol):
    tensors = {key: torch.as_tensor(value, dtype=dtype) for key, value in golden.items()}
    after = poses.compose(tensors["pose"], tensors["pose_action"])
    action = poses.difference(tensors["pose"], tensors["pose_next"])
    assert after.dtype == action.dtype == dtype
    np.testing.assert_allclose(after.numpy(), golden["pose_next"], atol=atol)
    np.testing.assert_allclose(action.numpy(), golden["pose_diff"], atol=atol)


def test_rotations_agree_with_scipy():
    euler = random_poses(200)[:, 3:6]
    matrices = Rotation.from_euler("xyz", euler).as_matrix()
    np.testing.assert_allclose(poses.to_matrix(euler), matrices, atol=1e-12)
    np.testing.assert_allclose(poses.to_euler(matrices), euler, atol=1e-10)


@pytest.mark.parametrize("pitch", [np.pi / 2, -np.pi / 2])
def test_gimbal_lock_keeps_the_rotation(pitch):
    euler = np.array([[0.3, pitch, -0.8], [np.pi, pitch, 1.0], [0.0, pitch, 0.0]])
    back = poses.to_euler(poses.to_matrix(euler))
    assert angle_between(back, euler).max() < 1e-7
    np.testing.assert_array_equal(back[:, 2], 0.0)


def test_a_downward_gripper_turns_smoothly():
    down = np.array([0.5, 0.0, 0.2, np.pi, 0.0, 0.4, 0.0])
    near = down.copy()
    near[3] = -np.pi + 0.01  # across the seam of roll
    turn = Rotation.from_euler("xyz", poses.difference(down, near)[3:6]).magnitude()
    np.testing.assert_allclose(turn, 0.01, atol=1e-9)


finite = st.floats(-3.0, 3.0)
pose_values = st.tuples(*[finite] * 6, st.floats(0.0, 1.0))


@settings(max_examples=100)
@given(pose_values, pose_values)
def test_compose_undoes_difference(start, end):
    start, end = np.array(start), np.array(end)
    back = poses.compose(start, poses.difference(start, end))
    np.testing.assert_allclose(back[[0, 1, 2, 6]], end[[0, 1, 2, 6]], atol=1e-9)
    assert angle_between(back[3:6], end[3:6]) < 1e-6


def test_closedness_is_clipped():
    pose, action = np.zeros(7), np.zeros(7)
    pose[6], action[6] = 0.7, 0.9
    assert poses.compose(pose, action)[6] == 1.0
    assert poses.compose(pose, -action)[6] == 0.0


def test_batches_broadcast():
    many = random_poses(12).reshape(3, 4, 7)
    one = random_poses(1, seed=1)[0]
    got = poses.compose(one, many)
    assert got.shape == (3, 4, 7)
    np.testing.assert_allclose(got[1, 2], poses.compose(one, many[1, 2]), atol=1e-12)
    tensors = poses.compose(torch.from_numpy(one), torch.from_numpy(many))
    np.testing.assert_allclose(tensors.numpy(), got, atol=1e-12)


def test_gradients_flow_through_compose():
    pose = torch.tensor(random_poses(4))
    action = (0.1 * torch.ones(4, 7, dtype=torch.float64)).requires_grad_()
    inside = pose.clone()
    inside[:, 6] = 0.5  # away from the clip
    assert torch.autograd.gradcheck(lambda a: poses.compose(inside, a), action)


@pytest.mark.parametrize("shape", [(6,), (2, 8)])
def test_a_wrong_size_is_refused(shape):
    with pytest.raises(ValueError, match="allowed is"):
        poses.compose(np.zeros(shape), np.zeros(7))


def test_mixed_kinds_are_refused():
    with pytest.raises(ValueError, match="two of a kind"):
        poses.compose(np.zeros(7), torch.zeros(7))


@pytest.mark.parametrize(
    ("index", "value", "sentence"),
    [(3, 180.0, "radians"), (6, 1.4, "closedness"), (0, np.nan, "NaN")],
)
def test_impossible_poses_are_refused(index, value, sentence):
    pose = random_poses(5)
    pose[2, index] = value
    with pytest.raises(ValueError, match=sentence):
        poses.check_poses(pose)
    assert poses.check_poses(random_poses(5)).shape == (5, 7)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-3, 0.8])
def test_rotation_vectors_agree_with_scipy(scale):
    vectors = scale * np.random.default_rng(0).uniform(-1.7, 1.7, (50, 3))
    matrices = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(poses.from_rotvec(vectors), matrices, atol=1e-12)
    np.testing.assert_allclose(poses.to_rotvec(matrices), vectors, atol=1e-12)
    torch.testing.assert_close(
        poses.to_rotvec(poses.from_rotvec(torch.from_numpy(vectors))), torch.from_numpy(vectors)
    )
