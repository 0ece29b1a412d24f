"""Frames as encoders take them: stacked, resized, and normalised by ImageNet's statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.errors import UserError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def stacked(views: Sequence[NDArray[np.uint8] | Tensor]) -> Tensor:
    """(B, H, W, 3) uint8 of each of V views -> (B, V, H, W, 3).

    Raises:
        UserError: one is something else, or they differ in shape.
    """
    frames = [torch.as_tensor(view) for view in views]
    for given in frames:
        alike = given.dim() == 4 and given.shape[-1] == 3 and given.shape == frames[0].shape
        if not alike or given.dtype != torch.uint8:
            raise UserError(
                f"frames have shape {tuple(given.shape)} and type {given.dtype}: allowed is "
                "(batch, height, width, 3) uint8, alike for all cameras"
            )
    return torch.stack(frames, dim=1)


def prepare(frames: Tensor, size: int) -> Tensor:
    """(B, H, W, 3) uint8 of any size -> (B, 3, size, size) float32, normalised.

    Smaller frames are interpolated, larger ones low-pass filtered first.
    """
    x = frames.permute(0, 3, 1, 2).float().div_(255.0)  # (B, 3, H, W)
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    # Row by row, colours innermost as they come: a picture's rows are long, its pixels short.
    rows = x.permute(0, 2, 3, 1).flatten(2)  # (B, size, 3 size)
    rows = (rows - rows.new_tensor(MEAN).repeat(size)).div_(rows.new_tensor(STD).repeat(size))
    pixels: Tensor = rows.unflatten(2, (size, 3))
    return pixels.permute(0, 3, 1, 2)
