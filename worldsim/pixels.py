"""Frames as encoders take them: resized, and normalised by ImageNet's statistics."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def prepare(frames: Tensor, size: int) -> Tensor:
    """(B, H, W, 3) uint8 of any size -> (B, 3, size, size) float32, normalised.

    Smaller frames are interpolated, larger ones low-pass filtered first.
    """
    x = frames.permute(0, 3, 1, 2).float() / 255.0  # (B, 3, H, W)
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(STD)[:, None, None]
