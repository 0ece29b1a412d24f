"""How a move is made: chunks of actions, from where it leads and from what is seen.

Where to take something, and where to put it, is told in metres; how the thing lies between the
fingers is seen, in the encoder's latents of all views. A flow (arXiv 2210.02747) makes chunks of
both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.flow import Residual, Velocity
from worldsim.heads import TokenReader

_SEEN = 256


class Executor(nn.Module):
    """A flow over chunks of actions.

    Args:
        dim: latent width D.
        tokens: patch tokens of all views, N.
        told: numbers that tell the move and the robot's pose.
        size: numbers of a chunk.
        hidden, blocks: of the velocity.
    """

    def __init__(
        self, dim: int, tokens: int, told: int, size: int, hidden: int = 256, blocks: int = 3
    ) -> None:
        super().__init__()
        self.reader = TokenReader(dim, tokens, _SEEN, 1, told, (512,), dropout=0.1)
        self.velocity = Residual(_SEEN + told + size, hidden, blocks, size)

    def forward(self, latents: Tensor, told: Tensor) -> Tensor:
        """What decides the next actions (B, K), of latents (B, N, D) and numbers (B, T)."""
        return torch.cat([F.gelu(self.reader(latents, extra=told)), told], dim=1)

    def flow(self, known: Tensor) -> Velocity:
        """The velocity of chunks (B, size), given what decides them."""
        return lambda noisy, time: self.velocity(torch.cat([known, noisy], dim=1), time)
