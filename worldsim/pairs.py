"""Two pictures read side by side: what differs between them, and where.

A perceptron over all tokens learns each place anew. Here the same small perceptron looks at every
pair of tokens of one place, and attention gathers what it found with the places where it found it
(spatial softmax: arXiv 1509.06113), so that a thing that was seen on one side of the table is known
on the other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.heads import PER_TOKEN, filled, mlp
from worldsim.spatial_softmax import FACTS, POINTS, gathered, places_of

WIDTH = 96
"""Of a pair's perceptron."""


class PairReader(nn.Module):
    """Reads pairs of pictures, by places and all at once.

    Args:
        dim: latent width D of the encoder.
        grid: (rows, columns) of a view's patches.
        views: at most; what missing ones would tell is zero.
        extra: numbers read beside them.
        outputs: width of the result.
        hidden: width of the last perceptron.
        dropout: share of the projected numbers that are dropped in training.
    """

    places: Tensor

    def __init__(
        self,
        dim: int,
        grid: tuple[int, int],
        views: int,
        extra: int,
        outputs: int,
        hidden: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.register_buffer("places", places_of(grid), persistent=False)
        self.token = nn.Linear(dim, PER_TOKEN)
        self.drop = nn.Dropout(dropout)
        self.pair = nn.Linear(2 * dim, WIDTH)
        self.seen = nn.Linear(WIDTH, WIDTH)
        self.view = nn.Parameter(torch.zeros(views, WIDTH))
        self.attention = nn.Linear(WIDTH, POINTS)
        self.favoured = nn.Parameter(torch.zeros(len(self.places), POINTS))
        self.facts = nn.Linear(WIDTH, FACTS)
        self.all = views * 2 * len(self.places) * PER_TOKEN
        self.gathered = views * POINTS * (FACTS + 2)
        self.mlp = mlp(self.all + self.gathered + extra, (hidden,), outputs)

    def forward(self, now: Tensor, goal: Tensor, extra: Tensor) -> Tensor:
        """Pictures (B, N, D) and extra (B, E) -> (B, outputs)."""
        both = [self.drop(self.token(picture)).flatten(1) for picture in (now, goal)]
        parts = [filled(each, self.all // 2) for each in both]
        points = self.points(now, goal).flatten(1)
        out: Tensor = self.mlp(torch.cat([*parts, filled(points, self.gathered), extra], dim=1))
        return out

    def points(self, now: Tensor, goal: Tensor) -> Tensor:
        """What is found and where, (B, V, POINTS, FACTS + 2), of pictures (B, N, D)."""
        pairs = F.gelu(self.pair(torch.cat([now, goal], dim=2)))
        each = self.seen(pairs.unflatten(1, (-1, len(self.places))))  # (B, V, P, WIDTH)
        each = F.gelu(each + self.view[: each.shape[1], None])
        return gathered(self.attention(each) + self.favoured, self.facts(each), self.places)
