"""MPPI (Williams et al. 2017): the mean moves to an average weighted by cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.errors import UserError
from worldsim.noise import normal
from worldsim.planning.planner import (
    NARROW,
    Cost,
    Plan,
    at_least_one,
    box,
    scored,
)


@dataclass(frozen=True)
class MPPI:
    """Plans by weighted averages; executes the last one.

    Attributes:
        samples: candidates per iteration.
        iterations: averages.
        horizon: actions per candidate.
        spread: (A,) standard deviations of the noise, the same in every iteration.
        temperature: a candidate that costs this much more than the cheapest weighs e times less.
    """

    samples: int = 32
    iterations: int = 2
    horizon: int = 4
    spread: tuple[float, ...] = NARROW
    temperature: float = 0.01

    def __post_init__(self) -> None:
        at_least_one(iterations=self.iterations, horizon=self.horizon, samples=self.samples)
        if self.temperature <= 0.0:
            raise UserError(f"temperature must be above 0, got {self.temperature}")

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        std, mean = mean.new_tensor(self.spread), box(mean)
        history: list[Tensor] = []
        for iteration in range(self.iterations):
            drawn = mean + std * normal(rng, (self.samples, *mean.shape), mean)
            tried = [mean[None], drawn]
            if iteration == 0 and proposals is not None:
                tried.append(proposals)
            candidates = box(torch.cat(tried))
            costs = scored(cost, candidates)
            history.append(torch.stack([costs.min(), *history[-1:]]).min())
            weights = torch.softmax(-costs / self.temperature, dim=0)
            mean = box(torch.einsum("s,sha->ha", weights, candidates))
        return Plan(mean, history[-1], mean, torch.stack(history))
