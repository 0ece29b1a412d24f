"""How many control steps it is from the last imagined latents to the goal, by the goal head."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation


@dataclass(frozen=True)
class Steps:
    """A temporal distance learnt by hindsight.

    Attributes:
        weight: of one step.
    """

    weight: float = 0.05

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        last, state = futures.latents[:, -1], futures.states[:, -1]
        return self.weight * situation.model.steps_to_go(last, situation.goal, state)
