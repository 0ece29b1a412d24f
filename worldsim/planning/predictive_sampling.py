"""Predictive sampling (Howell et al. 2022, arXiv 2212.00541): the best of some, once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.noise import normal
from worldsim.planning.planner import (
    NARROW,
    Cost,
    Plan,
    at_least_one,
    box,
    cheaper,
    scored,
)


@dataclass(frozen=True)
class PredictiveSampling:
    """Plans by drawing around the centre.

    Attributes:
        samples: candidates.
        horizon: actions per candidate.
        spread: (A,) standard deviations of the noise.
    """

    samples: int = 64
    horizon: int = 4
    spread: tuple[float, ...] = NARROW

    def __post_init__(self) -> None:
        at_least_one(horizon=self.horizon, samples=self.samples)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        noise = normal(rng, (self.samples, *mean.shape), mean)
        tried = [mean[None], mean + mean.new_tensor(self.spread) * noise]
        candidates = box(torch.cat(tried if proposals is None else [*tried, proposals]))
        costs = scored(cost, candidates)
        best, lowest = cheaper(candidates, costs, mean, mean.new_tensor(torch.inf))
        return Plan(best, lowest, best, lowest[None])
