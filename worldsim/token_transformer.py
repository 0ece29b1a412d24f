"""A small transformer over patch tokens and what is known beside them.

Its summary tells what was found, and where (``worldsim.spatial_softmax``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.heads import filled, mlp
from worldsim.spatial_softmax import FACTS, POINTS, gathered, places_of


class TokenTransformer(nn.Module):
    """Mixes tokens with each other and with one token of further numbers.

    Args:
        inputs: numbers of a token.
        grid: (rows, columns) of a view's tokens.
        views: at most; what missing ones would tell is zero.
        extra: numbers known beside them.
        width: of the transformer, and of the summary.
        depth: layers.
        heads: of attention.
    """

    places: Tensor

    def __init__(
        self,
        inputs: int,
        grid: tuple[int, int],
        views: int,
        extra: int,
        width: int,
        depth: int,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.register_buffer("places", places_of(grid), persistent=False)
        self.enter = mlp(inputs, (width,), width)
        self.beside = mlp(extra, (width,), width)
        self.position = nn.Parameter(0.02 * torch.randn(1 + views * math.prod(grid), width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        norm = nn.LayerNorm(width)
        self.layers = nn.TransformerEncoder(layer, depth, norm, enable_nested_tensor=False)
        self.attention = nn.Linear(width, POINTS)
        self.facts = nn.Linear(width, FACTS)
        self.gathered = views * POINTS * (FACTS + 2)
        self.summary = mlp(width + self.gathered, (2 * width,), width)

    def forward(self, tokens: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, inputs), extra (B, E) -> a summary (B, width), tokens (B, N, width)."""
        x = torch.cat([self.beside(extra)[:, None], self.enter(tokens)], dim=1)
        x = self.layers(x + self.position[: x.shape[1]])
        points = filled(self.points(x[:, 1:]).flatten(1), self.gathered)
        return F.gelu(self.summary(torch.cat([x[:, 0], points], dim=1))), x[:, 1:]

    def points(self, tokens: Tensor) -> Tensor:
        """What is found and where, (B, V, POINTS, FACTS + 2), in tokens (B, N, width)."""
        each = tokens.unflatten(1, (-1, len(self.places)))  # (B, V, P, width)
        return gathered(self.attention(each), self.facts(each), self.places)
