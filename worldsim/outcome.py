"""What a picture looks like after a move: the thing gone from one place, and drawn at another.

What stands where fingers close is looked up in the picture; what was found is written where they
open, and blocks of convolutions make a picture of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.glance import Glance
from worldsim.grids import ConvBlock, as_grids, as_tokens
from worldsim.heads import mlp

_FEATURES = 16
_TOLD = 128


class Outcome(nn.Module):
    """The change of a view's details.

    Args:
        dim: width D of a detail.
        grid: (rows, columns) of the view's P details.
        told: numbers that tell the move, the robot's pose and where its hand is to be.
        width: channels C.
        heads: looks at once, and places written to.
    """

    def __init__(
        self, dim: int, grid: tuple[int, int], told: int, width: int = 64, heads: int = 8
    ) -> None:
        super().__init__()
        self.grid, self.width, self.heads = grid, width, heads
        places = math.prod(grid)
        self.enter = nn.Linear(dim, width)
        self.position = nn.Parameter(0.02 * torch.randn(places, width))
        self.see = ConvBlock(width, 2)
        self.told = mlp(told, (256,), _TOLD)
        self.look = Glance(_TOLD, width, places, heads)
        self.features = nn.Linear(width, heads * _FEATURES)
        self.aim = Glance(_TOLD, 0, places, heads)
        self.write = mlp(heads * _FEATURES + _TOLD, (256,), heads * width)
        self.everywhere = nn.Linear(_TOLD, width)
        self.draw = nn.Sequential(ConvBlock(width, 2), ConvBlock(width, 2))
        self.change = nn.Linear(width, dim)

    def forward(self, now: Tensor, told: Tensor) -> Tensor:
        """Details (B, P, D) and numbers (B, T) -> what is to be added to them."""
        told = F.gelu(self.told(told))
        seen = self._blocks(self.see, self.enter(now) + self.position)
        features = self.features(seen).unflatten(2, (self.heads, _FEATURES))
        thing = torch.einsum("bhp,bphf->bhf", self.look(told, seen), features).flatten(1)
        written = self.write(torch.cat([thing, told], dim=1)).unflatten(1, (self.heads, self.width))
        seen = seen + torch.einsum("bhp,bhc->bpc", self.aim(told), written)
        change: Tensor = self.change(self._blocks(self.draw, seen + self.everywhere(told)[:, None]))
        return change

    def _blocks(self, blocks: nn.Module, tokens: Tensor) -> Tensor:
        return as_tokens(blocks(as_grids(tokens, self.grid)))
