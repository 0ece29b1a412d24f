"""Departure from what the goal head proposes.

Learnt energies are right where they were learnt; without this term the search finds where they are
wrong. The other terms are good compasses near the goal only: far from it, trust grows. So it does
where imagination errs, see ``worldsim.surprise``.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.errors import UserError
from worldsim.planning.energies.energy import Futures, Situation


@dataclass(frozen=True)
class Trust:
    """Mean squared departure from the proposed actions.

    Attributes:
        weight: of a departure of 1 in every number.
        near: steps to the goal within which ``weight`` holds as it is; farther away it grows with
            the square of the distance: the straight way to a far goal is not the way. 0: never.
    """

    weight: float = 0.5
    near: float = 2.0

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,).

        Raises:
            ValueError: nothing was proposed.
        """
        if situation.proposal is None:
            raise UserError("a trust term needs the proposed actions")
        far = max(1.0, situation.steps_to_go / self.near) if self.near else 1.0
        departure = (futures.actions - situation.proposal).square().mean(dim=(1, 2))
        return self.weight * far**2 * situation.caution * departure
