"""Tokens of a view as grids for convolutions, and back."""

from __future__ import annotations

from torch import Tensor


def as_grids(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, P, C) -> (B, C, rows, columns)."""
    grids: Tensor = tokens.unflatten(1, grid).permute(0, 3, 1, 2)
    return grids


def as_tokens(grids: Tensor) -> Tensor:
    """(B, C, rows, columns) -> (B, P, C)."""
    return grids.flatten(2).transpose(1, 2)
