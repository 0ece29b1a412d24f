"""What is found in a grid of tokens, and where: spatial softmax (arXiv 1509.06113)."""

from __future__ import annotations

import torch
from torch import Tensor

POINTS, FACTS = 16, 8
"""Gathered per view, and numbers gathered at each beside its place."""


def places_of(grid: tuple[int, int]) -> Tensor:
    """Rows and columns (P, 2) of the tokens of a (rows, columns) grid, in [-1, 1]."""
    rows, columns = (torch.linspace(-1.0, 1.0, count) for count in grid)
    return torch.cartesian_prod(rows, columns)


def gathered(scores: Tensor, facts: Tensor, places: Tensor) -> Tensor:
    """Means (B, V, K, F + 2) of what tokens tell and of their places, as attention weighs them.

    Args:
        scores: (B, V, P, K) of each token, for each of K points.
        facts: (B, V, P, F).
        places: (P, 2).
    """
    both = torch.cat([facts, places.expand(*facts.shape[:3], 2)], dim=3)
    return torch.einsum("bvpk,bvpf->bvkf", scores.softmax(dim=2), both)
