"""A height that the gripper's tool centre stays below, added when a plan is made."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation, way


@dataclass(frozen=True)
class HeightCap:
    """Height above the cap, added up over points of the way, centimetres.

    Attributes:
        height: metres, robot-base frame.
        weight: of a centimetre at one point.
    """

    height: float
    weight: float = 1.0
    constraint = True

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        above = way(futures, situation)[..., 2] - self.height  # (S, P)
        return self.weight * 100.0 * above.clamp(min=0.0).sum(dim=1)
