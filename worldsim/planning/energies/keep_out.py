"""A box that the gripper's tool centre stays out of, added when a plan is made."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation, way


@dataclass(frozen=True)
class KeepOut:
    """Depth inside a box, added up over points of the way, centimetres.

    Attributes:
        low, high: (3,) corners, metres, robot-base frame.
        weight: of a centimetre at one point.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    weight: float = 1.0
    constraint = True

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        places = way(futures, situation)  # (S, P, 3)
        low, high = places.new_tensor(self.low), places.new_tensor(self.high)
        depth = (places - low).minimum(high - places).amin(dim=-1)  # to the nearest side
        return self.weight * 100.0 * depth.clamp(min=0.0).sum(dim=1)
