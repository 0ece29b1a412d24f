"""What a controller makes of commanded poses: it keeps them in a box and near straight down.

Imagination has to know it, or it sees the gripper go where the arm stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim import poses

Array = NDArray[np.float64]
Poses = TypeVar("Poses", Tensor, Array)

# A gripper that points straight down is rolled by half a turn: this matrix, its own inverse.
_DOWN = (1.0, -1.0, -1.0)


@dataclass(frozen=True)
class Limits:
    """Where a commanded pose may be.

    A leash, which keeps the commanded pose near the achieved one, has nothing to pull at here:
    imagination takes the gripper to reach what is commanded.

    Attributes:
        low, high: (3,) corners of the box of the tool centre, metres, robot-base frame.
        rotation: (3,) largest turn away from straight down, as a rotation vector, radians.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    rotation: tuple[float, ...]

    @classmethod
    def of(cls, low: Array, high: Array, rotation: Array) -> Limits:
        """Limits from arrays."""
        return cls(tuple(low.tolist()), tuple(high.tolist()), tuple(rotation.tolist()))

    def clip(self, commanded: Poses) -> Poses:
        """Commanded poses (..., 7) as a controller takes them, of the same kind and device."""
        if isinstance(commanded, Tensor):
            return self._clip(commanded)
        return self._clip(torch.from_numpy(commanded)).numpy()

    def _clip(self, commanded: Tensor) -> Tensor:
        low, high, most = (commanded.new_tensor(x) for x in (self.low, self.high, self.rotation))
        down = commanded.new_tensor(_DOWN)
        turn = poses.to_rotvec(poses.to_matrix(commanded[..., 3:6]) * down)  # (..., 3)
        clipped = torch.clamp(turn, -most, most)
        euler = poses.to_euler(poses.from_rotvec(clipped) * down)
        inside = (turn == clipped).all(-1, keepdim=True)
        return torch.cat(
            [
                torch.clamp(commanded[..., :3], low, high),
                torch.where(inside, commanded[..., 3:6], euler),
                commanded[..., 6:],
            ],
            -1,
        )
