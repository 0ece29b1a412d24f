"""Where one could be some steps on, on the way to a goal: sub-goals are imagined, not given.

A flow (arXiv 2210.02747) on the components of latents, learnt from what followed in recorded
behaviour: the upper level of HIQL (arXiv 2307.11949), with samples to choose from in place of one
mean. Half done of one thing and half of another is no place to be.

Shapes: B batch, N tokens, C components of a token.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from worldsim.flow import Residual, drawn
from worldsim.noise import normal

EULER_STEPS = 8
_HIDDEN, _BLOCKS = 512, 3


class Jumps(nn.Module):
    """What noise becomes, given components now and of the goal.

    The guess starts from the present picture, each of whose tokens is as it was, or by some share
    as in the goal: of most of a picture that is all there is to say.

    Args:
        tokens: patch tokens N of an observation.
        components: numbers C of each token.
    """

    def __init__(self, tokens: int, components: int) -> None:
        super().__init__()
        self.tokens, self.size = tokens, tokens * components
        self.guess = Residual(3 * self.size, _HIDDEN, _BLOCKS, tokens + self.size)

    def forward(self, now: Tensor, goal: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """Components (B, N C) some steps on.

        Args:
            now: (B, N C) components of the present picture.
            goal: (B, N C) of the goal.
            noisy: (B, N C) on the way from noise to the result.
            time: (B,) how far on that way, in [0, 1].
        """
        shares, change = self.guess(torch.cat([now, goal, noisy], dim=1), time).split(
            (self.tokens, self.size), dim=1
        )
        towards = shares.sigmoid().repeat_interleave(self.size // self.tokens, dim=1)
        later: Tensor = now + towards * (goal - now) + change
        return later

    def errors(self, now: Tensor, goal: Tensor, later: Tensor, rng: np.random.Generator) -> Tensor:
        """Mean square error (B,) of guesses at what came ``later`` (B, N C)."""
        noise, time = drawn(later, rng)
        noisy = torch.lerp(noise, later, time[:, None])
        error: Tensor = (self(now, goal, noisy, time) - later).square().mean(dim=1)
        return error

    def sample(self, now: Tensor, goal: Tensor, rng: np.random.Generator) -> Tensor:
        """Components (B, N C) some steps on from ``now`` (B, N C) towards ``goal`` (B, N C)."""
        found = normal(rng, tuple(now.shape), now)
        for step in range(EULER_STEPS):
            time = found.new_full((len(found),), step / EULER_STEPS)
            towards = self(now, goal, found, time) - found
            found = found + towards / (EULER_STEPS - step)
        return found
