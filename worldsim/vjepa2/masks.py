"""Multi-block masks of V-JEPA 2's pretraining (arXiv 2506.09985, section 2; V-JEPA, section 3.2).

A mask hides the union of a few blocks, each over the full temporal extent, so that nothing can be
copied from a neighbouring frame. Two kinds are used on each batch::

    for index, config in enumerate((SHORT_RANGE, LONG_RANGE)):
        visible, hidden = sample_masks(config, (steps, rows, columns), batch, rng)
        predicted = predictor(encoder(video, visible), visible, hidden, mask_index=index)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import UserError

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class MaskConfig:
    """One kind of mask.

    Attributes:
        blocks: blocks per sample; they may overlap.
        scale: share of a frame that one block covers.
        aspect_ratio: least and greatest height over width.
        temporal_scale: share of the time steps that a block spans.
    """

    blocks: int
    scale: float
    aspect_ratio: tuple[float, float] = (0.75, 1.5)
    temporal_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.blocks < 1 or not 0 < self.scale < 1 or not 0 < self.temporal_scale <= 1:
            raise UserError(
                "a mask needs at least one block, a scale inside (0, 1) and a temporal scale "
                f"inside (0, 1], got {self}"
            )


SHORT_RANGE = MaskConfig(blocks=8, scale=0.15)
LONG_RANGE = MaskConfig(blocks=2, scale=0.7)


def sample_masks(
    config: MaskConfig, grid: Grid, batch: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Visible and hidden tokens of a batch.

    All samples share the block's size, and are cut to the smallest number of tokens among them so
    that they stack; the tokens cut off are neither seen nor predicted.

    Args:
        config: kind of mask.
        grid: (steps, rows, columns) of tokens.
        batch: samples B.
        rng: where all randomness comes from.

    Returns:
        Indices (B, Kc) to see and (B, Kp) to predict, ascending.

    Raises:
        ValueError: when a block would leave nothing to see.
    """
    block = _block_size(config, grid, rng)
    if block == grid:
        raise UserError(f"blocks of scale {config.scale} cover the whole grid {grid}")
    visible, hidden = [], []
    for _ in range(batch):
        seen = _visible(config.blocks, block, grid, rng)
        visible.append(np.flatnonzero(seen))
        hidden.append(np.flatnonzero(~seen))
    return _stack(visible), _stack(hidden)


def _block_size(config: MaskConfig, grid: Grid, rng: np.random.Generator) -> Grid:
    steps, rows, columns = grid
    area = int(rows * columns * config.scale)
    aspect = rng.uniform(*config.aspect_ratio)
    height = min(rows, max(1, round(math.sqrt(area * aspect))))
    width = min(columns, max(1, round(math.sqrt(area / aspect))))
    return max(1, int(steps * config.temporal_scale)), height, width


def _visible(blocks: int, block: Grid, grid: Grid, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which tokens (steps, rows, columns) no block hides; at least one."""
    while True:
        seen = np.ones(grid, dtype=bool)
        for _ in range(blocks):
            corner = [
                rng.integers(whole - part + 1) for whole, part in zip(grid, block, strict=True)
            ]
            seen[tuple(slice(c, c + part) for c, part in zip(corner, block, strict=True))] = False
        if seen.any():
            return seen


def _stack(indices: list[NDArray[np.int64]]) -> Tensor:
    least = min(len(index) for index in indices)
    return torch.from_numpy(np.stack([index[:least] for index in indices]))
