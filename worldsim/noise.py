"""Random numbers drawn by NumPy's generators, where torch computes with them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def normal(rng: np.random.Generator, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal numbers, float32, on the device of another tensor."""
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(like.device)
