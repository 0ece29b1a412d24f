"""The way to a picture, in hops: sub-goals that a goal value imagines, one after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from worldsim.values import GoalValue

ARRIVED_STEPS = 2.0
"""So near by the value's count, a sub-goal is brought about."""
DEPTH = 1
FAR = 3.0
"""What a step of a hop weighs that is longer than hops are: likely no hop at all."""


class Hops:
    """Chooses sub-goals, and holds on to one until it is reached or its time is over.

    Args:
        value: distances, and jumps to choose from.
        samples: sub-goals to choose from.
        depth: hops looked ahead.

    Attributes:
        aim: (1, N C) components of what is worked towards; there is none before the first.
    """

    aim: Tensor

    def __init__(self, value: GoalValue, samples: int, depth: int = DEPTH) -> None:
        self._value, self._samples, self._depth = value, samples, depth
        self.reset()

    def reset(self) -> None:
        """Choose anew."""
        self._left = 0

    @torch.inference_mode()
    def towards(self, latent: Tensor, goal: Tensor, rng: np.random.Generator) -> Tensor:
        """Latents (N, D) to work towards, from those now (N, D) to those of a picture (N, D)."""
        value = self._value
        now, last = value.components(latent[None]), value.components(goal[None])
        if float(value.apart(now, last)) <= value.config.jump:
            self.aim, self._left = last, 0
            return goal
        if self._left == 0 or float(value.apart(now, self.aim)) < ARRIVED_STEPS:
            self.aim, self._left = self._choose(now, last, rng), value.config.jump
        self._left -= 1
        return value.components.latents(self.aim)[0]

    def _choose(self, now: Tensor, goal: Tensor, rng: np.random.Generator) -> Tensor:
        """First sub-goal (1, N C) of the chain whose end is the nearest to the goal."""
        value, goals = self._value, goal.expand(self._samples, -1)
        chain = [now.expand(self._samples, -1)]
        for _ in range(self._depth):
            chain.append(value.jumps.sample(chain[-1], goals, rng))
        longer = [value.apart(*hop) - value.config.jump for hop in pairwise(chain)]
        cost = value.apart(chain[-1], goals) + FAR * torch.stack(longer).clamp(min=0.0).sum(dim=0)
        best = int(cost.argmin())
        return chain[1][best : best + 1]
