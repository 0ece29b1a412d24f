"""Projected gradient descent: Adam through the predictor, with noise, inside the box.

Several starts go down at once. Noise shakes them out of dents of a learnt energy (Bharadhwaj et al.
2020, arXiv 2003.11604, combine both in another way: see ``gradient_cem``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from worldsim.errors import UserError
from worldsim.noise import normal
from worldsim.planning.planner import (
    NARROW,
    Cost,
    DifferentiableCost,
    Plan,
    at_least_one,
    box,
    cheaper,
)


@dataclass(frozen=True)
class Gradient:
    """Plans by descent; the cheapest point on the way is executed.

    Attributes:
        starts: sequences that go down: the centre, what else is proposed, and noise around it.
        steps: of each; every one takes the gradient once, as does the end.
        horizon: actions per sequence.
        spread: (A,) standard deviations of the starts; 0 holds a number where it is.
        rate: Adam's step size.
        noise: standard deviation added at every step, times ``spread``.
    """

    grows: ClassVar[str] = "steps"

    starts: int = 4
    steps: int = 6
    horizon: int = 4
    spread: tuple[float, ...] = NARROW
    rate: float = 0.05
    noise: float = 0.1

    def __post_init__(self) -> None:
        at_least_one(starts=self.starts, steps=self.steps, horizon=self.horizon)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``.

        Raises:
            ValueError: the cost has no gradient.
        """
        if not isinstance(cost, DifferentiableCost):
            raise UserError("a gradient planner needs a cost with a gradient")
        spread = mean.new_tensor(self.spread)
        tried = mean[None] if proposals is None else torch.cat([mean[None], proposals])
        more = max(0, self.starts - len(tried))
        drawn = mean + spread * normal(rng, (more, *mean.shape), mean)
        actions = box(torch.cat([tried, drawn])[: max(self.starts, 1)]).clone()
        descent = torch.optim.Adam([actions], lr=self.rate)
        best, lowest, history = actions[0].clone(), mean.new_tensor(torch.inf), []
        for step in range(self.steps + 1):
            costs, slopes = cost.gradient(actions)
            best, lowest = cheaper(actions, costs, best, lowest)
            history.append(lowest)
            if step < self.steps:
                actions.grad = torch.where(spread > 0, slopes, 0.0)
                descent.step()
                shake = self.noise * spread * normal(rng, tuple(actions.shape), mean)
                actions.copy_(box(actions + shake))
        return Plan(best, lowest, best, torch.stack(history))
