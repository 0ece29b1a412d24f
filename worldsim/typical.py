"""Of several samples the one that most of the others resemble."""

from __future__ import annotations

import torch
from torch import Tensor


def most_typical_of_each(samples: Tensor, draws: int) -> Tensor:
    """Of each ``draws`` samples in a row (B * draws, ...) the most typical one, (B, ...)."""
    return torch.stack([most_typical(each) for each in samples.unflatten(0, (-1, draws))])


def most_typical(samples: Tensor) -> Tensor:
    """The one of (n, ...) samples whose distances to all the others add up to the least.

    Their mean may lie between two ways of doing a thing, where neither works; this one was drawn.
    """
    flat = samples.flatten(1)
    distances = (flat[:, None] - flat[None]).norm(dim=2)
    return samples[distances.sum(dim=1).argmin()]
