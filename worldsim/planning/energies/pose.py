"""How far the imagined gripper is from where the goal picture shows it.

A metric term without coordinates being handed over: the goal's pose is read from its picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from worldsim.errors import UserError
from worldsim.planning.energies.energy import Futures, Situation, along


@dataclass(frozen=True)
class Pose:
    """Metres, turned radians and closedness, summed over the path.

    Attributes:
        weight: of 5 cm, or of half a turn about the vertical.
        closedness: of closed beside open.
        path: see ``along``.
    """

    weight: float = 0.2
    closedness: float = 0.1
    path: float = 0.5

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,).

        Raises:
            ValueError: the goal's pose was not read.
        """
        goal, states = situation.goal_pose, futures.states
        if goal is None:
            raise UserError("a pose or closedness term needs the goal's pose")
        metres = (states[..., :3] - goal[:3]).norm(dim=-1)
        yaw = torch.sin(0.5 * (states[..., 5] - goal[5])).abs()
        closed = (states[..., 6] - goal[6]).abs()
        cost: Tensor = self.weight * (metres / 0.05 + yaw) + self.closedness * closed
        return cost @ along(self.path, futures)
