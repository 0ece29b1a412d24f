"""What a cross-entropy search draws from, and its refit to the cheapest of what it drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worldsim.errors import UserError


@dataclass(frozen=True)
class Gaussian:
    """A diagonal one over action sequences.

    Attributes:
        mean: (H, A).
        std: (H, A).
        floor: (A,) what the spread never falls below.
    """

    mean: Tensor
    std: Tensor
    floor: Tensor

    @classmethod
    def around(cls, mean: Tensor, spread: Sequence[float], minimum_std: float) -> Gaussian:
        """The first one: about (H, A), with deviations (A,); where these are 0 they remain so."""
        std = mean.new_tensor(spread)
        return cls(mean, std.expand_as(mean), torch.where(std > 0, minimum_std, 0.0))

    def refitted(self, elite: Tensor, momentum: float) -> Gaussian:
        """Fitted to elites (E, H, A); of the old mean and spread a share survives."""
        mean = momentum * self.mean + (1.0 - momentum) * elite.mean(dim=0)
        spread = elite.std(dim=0, correction=0)
        std = torch.maximum(momentum * self.std + (1.0 - momentum) * spread, self.floor)
        return Gaussian(mean, std, self.floor)


def check_elites(elites: int, samples: int, least: int = 1) -> None:
    """Refuse more elites than there are samples, and fewer than a fit needs.

    Raises:
        ValueError: saying what is allowed.
    """
    if not least <= elites <= samples:
        raise UserError(f"elites must be between {least} and samples, got {elites}")
