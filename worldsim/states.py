"""How proprioception and actions are put to a network.

A downward gripper sits at roll +-pi, so angles go in as sine and cosine. Actions are what was
*commanded*, measured from what was *achieved*: ``(target + command) - proprio``. That one 7-vector
holds the motion still to come and, while the fingers press on an object, the squeeze.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from worldsim import poses
from worldsim.errors import UserError

Array = NDArray[np.float64]

STATE_SIZE = 10
# Centre and half-range of the workspace, metres in the robot-base frame: inputs of order one.
_CENTRE = (0.55, 0.0, 0.10)
_SPREAD_M = 0.2

PLACE = 3
"""Numbers of a place: x, y, z, which a pose begins with."""
YAW = 5
PLACE_AND_YAW = [0, 1, 2, YAW]
"""Of a pose: x, y, z (m) and the turn about the vertical (rad)."""


def encode_state(proprio: Tensor) -> Tensor:
    """(..., 7) xyz m, Euler xyz rad, closedness -> (..., 10) of order one."""
    centre = proprio.new_tensor(_CENTRE)
    position = (proprio[..., :3] - centre) / _SPREAD_M
    angles = proprio[..., 3:6]
    return torch.cat([position, angles.sin(), angles.cos(), proprio[..., 6:]], dim=-1)


def decode_state(encoded: Tensor) -> Tensor:
    """(..., 10) -> (..., 7); the inverse of ``encode_state``."""
    centre = encoded.new_tensor(_CENTRE)
    position = encoded[..., :3] * _SPREAD_M + centre
    angles = torch.atan2(encoded[..., 3:6], encoded[..., 6:9])
    return torch.cat([position, angles, encoded[..., 9:]], dim=-1)


def relative_action(target: ArrayLike, command: ArrayLike, proprio: ArrayLike) -> Array:
    """Commanded motion measured from the achieved pose, physical units.

    Args:
        target: (..., 7) commanded pose before the action.
        command: (..., 7) action in metres, radians, closedness.
        proprio: (..., 7) achieved pose.

    Returns:
        (..., 7) delta xyz m, Euler xyz of the remaining turn, closedness still to close.
    """
    return poses.difference(proprio, poses.compose(target, command))


def check_poses(poses: ArrayLike) -> None:
    """Refuse what cannot be a gripper's pose (..., 7).

    Raises:
        ValueError: a number is not finite, a position is metres away from the robot, an angle is
            beyond two pi (degrees?), or closedness is far outside [0, 1].
    """
    values = np.asarray(poses, dtype=np.float64)
    if values.shape[-1] != 7:
        raise UserError(f"a pose has 7 numbers, got {values.shape[-1]}")
    if not np.isfinite(values).all():
        raise UserError("a pose holds NaN or infinity")
    for what, part, most in (
        ("a position (metres from the robot's base)", values[..., :3], 3.0),
        ("an angle (radians)", values[..., 3:6], 2 * np.pi + 1e-3),
        ("closedness (0 open, 1 closed), less one half,", values[..., 6] - 0.5, 0.75),
    ):
        worst = float(np.abs(part).max(initial=0.0))
        if worst > most:
            raise UserError(f"{what} of {worst:.3g} in a pose: at most {most:.3g} is possible")
