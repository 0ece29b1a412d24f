"""A small transformer over patch tokens and what is known beside them.

Where many examples are to be had it finds again on one side of the table what it saw on the other:
on pairs of pictures from play its error on new episodes is that on those it learnt from, where a
perceptron's is twice as large.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worldsim.heads import mlp


class TokenTransformer(nn.Module):
    """Mixes tokens with each other and with one token of further numbers.

    Args:
        inputs: numbers of a token.
        tokens: largest number of them; a leading part may be given.
        extra: numbers known beside them.
        width: of the transformer.
        depth: layers.
        heads: of attention.
    """

    def __init__(
        self, inputs: int, tokens: int, extra: int, width: int, depth: int, heads: int = 4
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, width)
        self.beside = mlp(extra, (width,), width)
        self.places = nn.Parameter(0.02 * torch.randn(1 + tokens, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        norm = nn.LayerNorm(width)
        self.layers = nn.TransformerEncoder(layer, depth, norm, enable_nested_tensor=False)

    def forward(self, tokens: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, inputs), extra (B, E) -> a summary (B, width), tokens (B, N, width)."""
        beside = self.beside(extra)[:, None]
        x = torch.cat([beside, self.enter(tokens) + beside], dim=1)
        x = self.layers(x + self.places[: x.shape[1]])
        return x[:, 0], x[:, 1:]
