"""Random crops and colours: the image augmentation of Octo's training (hue left out)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SMALLEST_AREA = 0.8
RATIO = 0.1
COLOUR = 0.1


def augment(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Crop and recolour; all pictures of one sample and view alike, so that they stay comparable.

    Args:
        frames: (B, T, V, S, S, 3) in [0, 1]; along T the window and its goal picture.
        rng: of this batch.

    Returns:
        Frames of the same shape.
    """
    batch, window, views, size = frames.shape[:4]
    stacked = frames.permute(0, 2, 1, 5, 3, 4).reshape(batch * views, window * 3, size, size)
    theta = torch.from_numpy(_crops(batch * views, rng)).to(frames.device)
    grid = F.affine_grid(theta, list(stacked.shape), align_corners=False)
    cropped = F.grid_sample(stacked, grid, padding_mode="border", align_corners=False)
    pictures = cropped.view(batch, views, window, 3, size, size).permute(0, 2, 1, 4, 5, 3)
    return _recolour(pictures, rng)


def _crops(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(count, 2, 3) maps onto random parts of a picture."""
    side = np.sqrt(rng.uniform(SMALLEST_AREA, 1.0, (count, 1)))
    stretch = np.sqrt(rng.uniform(1 - RATIO, 1 + RATIO, (count, 1)))
    sides = np.minimum(np.concatenate([side * stretch, side / stretch], axis=1), 1.0)
    theta = np.zeros((count, 2, 3), dtype=np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = sides.T
    theta[:, :, 2] = rng.uniform(-1.0, 1.0, (count, 2)) * (1 - sides)
    return theta


def _recolour(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast and saturation, each changed by up to a tenth."""
    shape = (len(frames), 1, frames.shape[2], 1, 1, 1)
    brightness, contrast, saturation = (
        torch.from_numpy(rng.uniform(-COLOUR, COLOUR, shape).astype(np.float32)).to(frames.device)
        for _ in range(3)
    )
    frames = frames + brightness
    mean = frames.mean(dim=(1, 3, 4, 5), keepdim=True)
    frames = mean + (frames - mean) * (1 + contrast)
    grey = frames.mean(dim=-1, keepdim=True)
    return (grey + (frames - grey) * (1 + saturation)).clamp(0.0, 1.0)
