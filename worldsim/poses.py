"""7-D pose and action algebra, the DROID / V-JEPA 2-AC convention.

A pose is xyz metres, extrinsic "xyz" Euler radians and gripper closedness in [0, 1], in the
robot-base frame. An action is delta xyz, Euler "xyz" of ``R_next @ R.T`` and delta closedness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def _rotation(euler: Array) -> Rotation:
    return Rotation.from_euler("xyz", euler.reshape(-1, 3))


def compose(pose: ArrayLike, action: ArrayLike) -> Array:
    """Apply an action (..., 7) to a pose (..., 7): ``p + dp``, ``dR @ R``, clipped closedness."""
    pose, action = np.broadcast_arrays(np.asarray(pose, float), np.asarray(action, float))
    turned = _rotation(action[..., 3:6]) * _rotation(pose[..., 3:6])
    euler = turned.as_euler("xyz").reshape(*pose.shape[:-1], 3)
    closed = np.clip(pose[..., 6:] + action[..., 6:], 0.0, 1.0)
    return np.concatenate([pose[..., :3] + action[..., :3], euler, closed], axis=-1)


def difference(start: ArrayLike, end: ArrayLike) -> Array:
    """Action (..., 7) that leads from one pose (..., 7) to another."""
    start, end = np.broadcast_arrays(np.asarray(start, float), np.asarray(end, float))
    turn = _rotation(end[..., 3:6]) * _rotation(start[..., 3:6]).inv()
    euler = turn.as_euler("xyz").reshape(*start.shape[:-1], 3)
    return np.concatenate(
        [end[..., :3] - start[..., :3], euler, end[..., 6:] - start[..., 6:]], axis=-1
    )
