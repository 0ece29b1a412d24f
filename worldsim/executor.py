"""How a move is made: chunks of actions, from where it leads and from what the hand sees.

Where to take something, and where to put it, is told in metres; how the thing lies between the
fingers is seen by the camera that moves with the hand. Attention gathers what is seen and where
(spatial softmax, arXiv 1509.06113), and a flow (arXiv 2210.02747) makes chunks of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.flow import Residual, Velocity
from worldsim.grids import ConvBlock, as_grids, as_tokens
from worldsim.heads import mlp
from worldsim.spatial_softmax import gathered, places_of

_POINTS, _FACTS, _SEEN = 16, 12, 256


class Executor(nn.Module):
    """A flow over chunks of actions.

    Args:
        dim: width C of a detail.
        grid: (rows, columns) of a view's P details.
        told: numbers that tell the move and the robot's pose.
        size: numbers of a chunk.
        width: channels of the convolutions.
        hidden, blocks: of the velocity.
    """

    places: Tensor

    def __init__(
        self,
        dim: int,
        grid: tuple[int, int],
        told: int,
        size: int,
        width: int = 48,
        hidden: int = 256,
        blocks: int = 3,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("places", places_of(grid), persistent=False)
        self.enter = nn.Conv2d(dim, width, 3, padding=1)
        self.asked = nn.Linear(told, width)
        self.see = nn.Sequential(ConvBlock(width), ConvBlock(width))
        self.attention = nn.Linear(width, _POINTS)
        self.favoured = nn.Parameter(torch.zeros(math.prod(grid), _POINTS))
        self.facts = nn.Linear(width, _FACTS)
        self.drop = nn.Dropout(0.1)
        self.read = mlp(_POINTS * (_FACTS + 2) + told, (512,), _SEEN)
        self.velocity = Residual(_SEEN + told + size, hidden, blocks, size)

    def forward(self, seen: Tensor, told: Tensor) -> Tensor:
        """What decides the next actions (B, K), of details (B, P, C) and numbers (B, T)."""
        entered = self.enter(as_grids(seen, self.grid)) + self.asked(told)[:, :, None, None]
        tokens = as_tokens(self.see(entered))[:, None]
        points = gathered(self.attention(tokens) + self.favoured, self.facts(tokens), self.places)
        known = self.read(torch.cat([self.drop(points.flatten(1)), told], dim=1))
        return torch.cat([F.gelu(known), told], dim=1)

    def flow(self, known: Tensor) -> Velocity:
        """The velocity of chunks (B, size), given what decides them."""
        return lambda noisy, time: self.velocity(torch.cat([known, noisy], dim=1), time)
