"""Context: what a plan starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import UserError
from worldsim.limits import Limits
from worldsim.states import check_poses


@dataclass(frozen=True)
class Context:
    """What a plan starts from: the last frames, what was done between, and the pose now.

    Attributes:
        latents: (T, N, D) of the last T frames, oldest first.
        actions: (T - 1, 7) relative actions taken between them, physical units.
        proprio: (T, 7) achieved poses.
        target: (7,) commanded pose now.
        limits: what the controller keeps commanded poses to; None: nothing.

    Raises:
        ValueError: shapes do not fit each other, or a pose is none: not finite, or in degrees.
    """

    latents: Tensor
    actions: NDArray[np.float64]
    proprio: NDArray[np.float64]
    target: NDArray[np.float64]
    limits: Limits | None = None

    def __post_init__(self) -> None:
        steps = len(self.latents)
        given = (self.actions.shape, self.proprio.shape, self.target.shape)
        if given != ((steps - 1, 7), (steps, 7), (7,)):
            raise UserError(
                f"{steps} frames need actions ({steps - 1}, 7), poses ({steps}, 7) and a target "
                f"(7,), got {', '.join(map(str, given))}"
            )
        check_poses(self.proprio)
        check_poses(self.target)
