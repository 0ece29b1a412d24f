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

Array = NDArray[np.float64]

STATE_SIZE = 10
# Centre and half-range of the workspace, metres in the robot-base frame: inputs of order one.
_CENTRE = (0.55, 0.0, 0.10)
_SPREAD_M = 0.2


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
