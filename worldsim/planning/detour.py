"""What is proposed is done; only where that costs something is better looked for near it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from worldsim.planning.cem import CEM
from worldsim.planning.planner import Cost, Plan
from worldsim.planning.policy import Policy


@dataclass(frozen=True)
class Detour:
    """CEM around a centre that is not free of cost, for energies that are never negative.

    Whether it is free is asked first: one number is waited for, which saves nearly all searches.

    Attributes:
        samples, iterations, elites, horizon, spread: of a search, see ``CEM``.
    """

    grows: ClassVar[None] = None

    samples: int = 32
    iterations: int = 2
    elites: int = 6
    horizon: int = 4
    spread: tuple[float, ...] = (0.7, 0.7, 0.7, 0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        self._search()

    def _search(self) -> CEM:
        return CEM(self.samples, self.iterations, self.elites, self.horizon, self.spread)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        straight = Policy(self.horizon).plan(cost, rng, mean)
        if straight.cost <= 0.0:
            return straight
        return self._search().plan(cost, rng, mean, proposals)
