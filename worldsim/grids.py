"""Tokens of a view as grids for convolutions, and back; a block of convolutions."""

from __future__ import annotations

from torch import Tensor, nn


def as_grids(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, P, C) -> (B, C, rows, columns)."""
    grids: Tensor = tokens.unflatten(1, grid).permute(0, 3, 1, 2)
    return grids


def as_tokens(grids: Tensor) -> Tensor:
    """(B, C, rows, columns) -> (B, P, C)."""
    return grids.flatten(2).transpose(1, 2)


class ConvBlock(nn.Module):
    """Convolutions of neighbours, added to what they are given.

    Args:
        width: channels.
        convolutions: how many.
    """

    def __init__(self, width: int, convolutions: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.GroupNorm(1, width)]
        for _ in range(convolutions):
            layers += [nn.GELU(), nn.Conv2d(width, width, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, grids: Tensor) -> Tensor:
        """(B, C, rows, columns) -> the same shape."""
        out: Tensor = grids + self.layers(grids)
        return out
