"""CEM, then descent from what it found (after Bharadhwaj et al. 2020, arXiv 2003.11604).

Sampling finds the right dent of the energy, the gradient its bottom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.planning.cem import CEM
from worldsim.planning.gradient import Gradient
from worldsim.planning.planner import NARROW, Cost, Plan


@dataclass(frozen=True)
class GradientCEM:
    """Both, one after the other.

    Attributes:
        samples, iterations, elites: of the search, see ``CEM``.
        steps, rate: of the descent, see ``Gradient``.
        horizon: actions per candidate.
        spread: (A,) standard deviations of the search; 0 holds a number where it is.
    """

    samples: int = 32
    iterations: int = 1
    elites: int = 6
    steps: int = 3
    rate: float = 0.03
    horizon: int = 4
    spread: tuple[float, ...] = NARROW

    def __post_init__(self) -> None:
        self._search()
        self._descent()

    def _search(self) -> CEM:
        return CEM(self.samples, self.iterations, self.elites, self.horizon, self.spread)

    def _descent(self) -> Gradient:
        return Gradient(1, self.steps, self.horizon, self.spread, self.rate, noise=0.0)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        found = self._search().plan(cost, rng, mean, proposals)
        down = self._descent().plan(cost, rng, found.actions)
        return Plan(down.actions, down.cost, down.mean, torch.cat([found.history, down.history]))
