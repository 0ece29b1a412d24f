"""A box that the gripper passes slowly, added when a plan is made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation, way


@dataclass(frozen=True)
class SlowZone:
    """Centimetres a control step beyond the limit, added up over points of the way in a box.

    Attributes:
        low, high: (3,) corners, metres, robot-base frame.
        limit: metres a control step.
        weight: of a centimetre a step at one point.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    limit: float = 0.02
    weight: float = 1.0
    constraint = True

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        places = way(futures, situation)  # (S, P, 3)
        low, high = places.new_tensor(self.low), places.new_tensor(self.high)
        inside = ((places > low) & (places < high)).all(dim=-1)
        here = places.new_tensor(situation.context.proprio[-1, :3].tolist())
        before = torch.cat([here.expand(len(places), 1, 3), places[:, :-1]], dim=1)
        points = places.shape[1] // futures.states.shape[1]
        speed = points * (places - before).norm(dim=-1)  # metres a control step
        excess: Tensor = (speed - self.limit).clamp(min=0.0) * inside
        return self.weight * 100.0 * excess.sum(dim=1)
