"""What is proposed is done; only where that costs something is better looked for near it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from worldsim.planning.cem import CEM
from worldsim.planning.planner import Cost, Plan
from worldsim.planning.policy import Policy

_BESIDE = CEM(samples=32, elites=6, spread=(0.7, 0.7, 0.7, 0.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Detour:
    """CEM around a centre that is not free of cost, for energies that are never negative.

    Whether it is free is asked first: one number is waited for, which saves nearly all searches.

    Attributes:
        search: what looks for it; turns and fingers stay as proposed.
    """

    grows: ClassVar[None] = None

    search: CEM = _BESIDE

    @property
    def horizon(self) -> int:
        """Actions of the plan."""
        return self.search.horizon

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        straight = Policy(self.horizon).plan(cost, rng, mean)
        if straight.cost <= 0.0:
            return straight
        return self.search.plan(cost, rng, mean, proposals)
