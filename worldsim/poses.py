"""7-D pose and action algebra, the DROID / V-JEPA 2-AC convention.

A pose is xyz metres, extrinsic "xyz" Euler radians and gripper closedness in [0, 1], in the
robot-base frame. An action is delta xyz, Euler "xyz" of ``R_next @ R.T`` and delta closedness::

    compose(pose, difference(pose, other)) == other

One implementation for NumPy (computed in float64) and for PyTorch (in the tensors' own type, on
their device, differentiable), so that planners imagine exactly what the data set recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

# Below this cosine of the pitch, roll and yaw turn about the same axis: gimbal lock.
_LOCK = 1e-7
# Square of a turn that is none, radians.
_NOTHING = 1e-14


@overload
def compose(pose: Tensor, action: Tensor) -> Tensor: ...
@overload
def compose(pose: ArrayLike, action: ArrayLike) -> Array: ...
def compose(pose: Any, action: Any) -> Any:
    """Apply an action (..., 7) to a pose (..., 7): ``p + dp``, ``dR @ R``, clipped closedness.

    Raises:
        ValueError: when the last dimension is not 7.
    """
    xp, pose, action = _prepare(pose, action)
    turned = to_matrix(action[..., 3:6]) @ to_matrix(pose[..., 3:6])
    closed = xp.clip(pose[..., 6:] + action[..., 6:], 0.0, 1.0)
    return xp.concatenate([pose[..., :3] + action[..., :3], to_euler(turned), closed], -1)


@overload
def difference(start: Tensor, end: Tensor) -> Tensor: ...
@overload
def difference(start: ArrayLike, end: ArrayLike) -> Array: ...
def difference(start: Any, end: Any) -> Any:
    """Action (..., 7) that leads from one pose (..., 7) to another.

    Raises:
        ValueError: when the last dimension is not 7.
    """
    xp, start, end = _prepare(start, end)
    turn = to_matrix(end[..., 3:6]) @ to_matrix(start[..., 3:6]).swapaxes(-1, -2)
    return xp.concatenate(
        [end[..., :3] - start[..., :3], to_euler(turn), end[..., 6:] - start[..., 6:]], -1
    )


@overload
def to_matrix(euler: Tensor) -> Tensor: ...
@overload
def to_matrix(euler: ArrayLike) -> Array: ...
def to_matrix(euler: Any) -> Any:
    """Extrinsic "xyz" Euler radians (..., 3) -> rotation matrices (..., 3, 3): Rz @ Ry @ Rx."""
    xp, euler = _namespace(euler)
    (sx, sy, sz), (cx, cy, cz) = (
        [wave[..., axis] for axis in range(3)] for wave in (xp.sin(euler), xp.cos(euler))
    )
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


@overload
def to_euler(matrix: Tensor) -> Tensor: ...
@overload
def to_euler(matrix: ArrayLike) -> Array: ...
def to_euler(matrix: Any) -> Any:
    """Rotation matrices (..., 3, 3) -> extrinsic "xyz" Euler radians (..., 3).

    Pitch is in [-pi/2, pi/2]. Where it is a right angle, yaw is set to zero, as scipy does.
    """
    xp, m = _namespace(matrix)
    level = xp.hypot(m[..., 0, 0], m[..., 1, 0])  # cosine of the pitch
    pitch = xp.arctan2(-m[..., 2, 0], level)
    locked = level < _LOCK
    # In gimbal lock the other entries are zero and roll is read from what is left.
    roll = xp.where(
        locked, xp.arctan2(-m[..., 1, 2], m[..., 1, 1]), xp.arctan2(m[..., 2, 1], m[..., 2, 2])
    )
    yaw = xp.where(locked, 0.0 * pitch, xp.arctan2(m[..., 1, 0], m[..., 0, 0]))
    return xp.stack([roll, pitch, yaw], -1)


@overload
def to_rotvec(matrix: Tensor) -> Tensor: ...
@overload
def to_rotvec(matrix: ArrayLike) -> Array: ...
def to_rotvec(matrix: Any) -> Any:
    """Rotation matrices (..., 3, 3) -> rotation vectors (..., 3), for turns well below pi."""
    xp, m = _namespace(matrix)
    axis = 0.5 * xp.stack(
        [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], -1
    )  # times the sine of the angle
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    sine, none = _length(xp, axis)
    angle = xp.arctan2(sine, 0.5 * (trace - 1.0)[..., None])
    return axis * xp.where(none, 1.0, angle / sine)


@overload
def from_rotvec(rotvec: Tensor) -> Tensor: ...
@overload
def from_rotvec(rotvec: ArrayLike) -> Array: ...
def from_rotvec(rotvec: Any) -> Any:
    """Rotation vectors (..., 3) -> rotation matrices (..., 3, 3)."""
    xp, v = _namespace(rotvec)
    angle, none = _length(xp, v)
    zero = 0.0 * v[..., 0]
    rows = [
        [zero, -v[..., 2], v[..., 1]],
        [v[..., 2], zero, -v[..., 0]],
        [-v[..., 1], v[..., 0], zero],
    ]
    cross = xp.stack([xp.stack(row, -1) for row in rows], -2)
    first = xp.where(none, 1.0, xp.sin(angle) / angle)[..., None]
    second = xp.where(none, 0.5, (1.0 - xp.cos(angle)) / angle**2)[..., None]
    return xp.eye(3, **_like(xp, v)) + first * cross + second * (cross @ cross)


def check_poses(poses: ArrayLike) -> Array:
    """Poses (..., 7) as float64, if they can be poses.

    Raises:
        ValueError: wrong size, not finite, angles in degrees, or closedness outside [0, 1].
    """
    array = np.asarray(poses, dtype=np.float64)
    if array.shape[-1:] != (7,):
        raise UserError(f"poses have shape {array.shape}: allowed is (..., 7)")
    if not np.isfinite(array).all():
        raise UserError("poses hold NaN or infinite numbers")
    turn = np.abs(array[..., 3:6]).max(initial=0.0)
    if turn > 2.0 * np.pi:
        raise UserError(f"an angle of {turn:.4g} in a pose: radians are meant, not degrees")
    closed = array[..., 6]
    if closed.size and (closed.min() < -0.05 or closed.max() > 1.05):
        raise UserError(
            f"gripper closedness from {closed.min():.4g} to {closed.max():.4g}: allowed is 0 "
            "(open) to 1 (closed)"
        )
    return array


def _namespace(array: Any) -> tuple[Any, Any]:
    """The library whose functions fit an array, and the array; all else becomes float64 NumPy."""
    if type(array).__module__.partition(".")[0] == "torch":
        import torch

        return torch, array
    return np, np.asarray(array, dtype=np.float64)


def _length(xp: Any, vector: Any) -> tuple[Any, Any]:
    """Length (..., 1) of vectors (..., 3), 1 where there is none, and where that is so.

    A square root has no slope at zero, so it is not taken there.
    """
    square = (vector * vector).sum(-1)[..., None]
    none = square < _NOTHING
    return xp.sqrt(xp.where(none, xp.ones_like(square), square)), none


def _like(xp: Any, array: Any) -> dict[str, Any]:
    """Type and device of an array."""
    return {"dtype": array.dtype} | ({} if xp is np else {"device": array.device})


def _prepare(first: Any, second: Any) -> tuple[Any, Any, Any]:
    """Both of one library and of one batch shape (..., 7)."""
    xp, first = _namespace(first)
    other, second = _namespace(second)
    if xp is not other:
        raise UserError("one pose is a NumPy array and the other a tensor: give two of a kind")
    for array in (first, second):
        if array.shape[-1:] != (7,):
            raise UserError(f"a pose or action has shape {tuple(array.shape)}: allowed is (..., 7)")
    first, second = (xp.broadcast_arrays if xp is np else xp.broadcast_tensors)(first, second)
    return xp, first, second
