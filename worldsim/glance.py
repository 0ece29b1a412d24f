"""Looking at a picture where something is told to be: attention from numbers to tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worldsim.heads import mlp

_WIDTH = 32
_OCTAVES = 8


class Glance(nn.Module):
    """Where numbers tell to look, by what is seen there and by its place.

    Args:
        told: how many numbers tell it.
        seen: numbers of a token; none, where its place alone decides.
        places: tokens of a picture.
        heads: looks at once.
    """

    def __init__(self, told: int, seen: int, places: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = mlp(told, (128,), heads * _WIDTH)
        self.key = nn.Linear(seen, _WIDTH) if seen else None
        self.places = nn.Parameter(0.1 * torch.randn(places, _WIDTH))

    def forward(self, told: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Numbers (B, T), tokens (B, P, seen) -> weights (B, heads, P) that add up to one."""
        query = self.query(told).unflatten(1, (self.heads, _WIDTH))
        keys = self.places[None]
        if self.key is not None and tokens is not None:
            keys = keys + self.key(tokens)
        weights: Tensor = (query @ keys.transpose(1, 2) / _WIDTH**0.5).softmax(dim=2)
        return weights


def waves(numbers: Tensor) -> Tensor:
    """Numbers (B, M) of order one as sines and cosines (B, 2 M 8), from coarse to fine.

    A perceptron tells neighbouring places apart more easily by them (arXiv 2006.10739).
    """
    octaves = 0.7 * 2.0 ** torch.arange(_OCTAVES, device=numbers.device)
    angles = (numbers[:, :, None] * octaves).flatten(1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def waves_of(count: int) -> int:
    """How many numbers ``waves`` makes of so many."""
    return 2 * _OCTAVES * count
