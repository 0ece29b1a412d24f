"""How many control steps it is from the last imagined latents to the goal, by a learnt value."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation
from worldsim.values import GoalValue


@dataclass(frozen=True)
class Value:
    """A temporal distance that stitches, see ``worldsim.values``.

    Attributes:
        value: the distance.
        weight: of one step.
    """

    value: GoalValue
    weight: float = 1.0

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        return self.weight * self.value.steps(futures.latents[:, -1], situation.goal)
