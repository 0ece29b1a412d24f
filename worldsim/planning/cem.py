"""Cross-entropy method (Rubinstein 1999): a diagonal Gaussian refitted to the cheapest samples.

Ours keeps the best sequence seen as a candidate and returns it. V-JEPA 2-AC's own way is in
``vjepa2_ac``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.noise import normal
from worldsim.planning.gaussian import Gaussian, check_elites
from worldsim.planning.planner import (
    NARROW,
    Cost,
    Plan,
    at_least_one,
    box,
    cheaper,
    ranked,
    scored,
)


@dataclass(frozen=True)
class CEM:
    """Plans by sampling.

    Attributes:
        samples: candidates per iteration.
        iterations: refits of the Gaussian.
        elites: cheapest candidates kept for the refit.
        horizon: actions per candidate.
        spread: (A,) standard deviations of the first iteration.
        minimum_std: spread never falls below this (a few millimetres of motion).
        momentum: share of the old mean and of the old spread that survives a refit.
    """

    samples: int = 8
    iterations: int = 2
    elites: int = 4
    horizon: int = 4
    spread: tuple[float, ...] = NARROW
    minimum_std: float = 0.05
    momentum: float = 0.1

    def __post_init__(self) -> None:
        at_least_one(iterations=self.iterations, horizon=self.horizon)
        check_elites(self.elites, self.samples)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        drawn_from = Gaussian.around(mean, self.spread, self.minimum_std)
        best, lowest, history = mean, mean.new_tensor(torch.inf), []
        for iteration in range(self.iterations):
            noise = normal(rng, (self.samples, *mean.shape), mean)
            candidates = drawn_from.mean + drawn_from.std * noise
            candidates[0] = drawn_from.mean
            if iteration == 0 and proposals is not None:
                candidates[1 : 1 + len(proposals)] = proposals
            elif iteration > 0:
                candidates[1] = best
            candidates = box(candidates)
            costs = scored(cost, candidates)
            elite = candidates[ranked(costs)[: self.elites]]
            best, lowest = cheaper(candidates, costs, best, lowest)
            history.append(lowest)
            drawn_from = drawn_from.refitted(elite, self.momentum)
        return Plan(best, lowest, drawn_from.mean, torch.stack(history))
