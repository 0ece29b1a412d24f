"""Options of planning; importing them needs no PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from worldsim.errors import UserError


def check_norm(norm: int) -> None:
    """Refuse a distance that is neither of absolute nor of squared differences."""
    if norm not in (1, 2):
        raise UserError(f"norm must be 1 or 2, got {norm}")


@dataclass(frozen=True)
class CostConfig:
    """Weights of our own energies; one of weight 0 is left out.

    Attributes:
        latent: of the latent distance, see ``energies.latent``.
        pose: of the gripper's distance to the pose read from the goal picture, per 5 cm.
        closedness: of the difference in closedness.
        steps: of the temporal distance, per step.
        trust: of the mean squared departure from the proposed actions.
        norm: 1 or 2, the latent distance's norm.
        path: 0 counts the last step only, 1 every step alike.
        near: steps to the goal within which ``trust`` holds as it is; see ``energies.trust``.
    """

    latent: float = 1.0
    pose: float = 0.0
    closedness: float = 0.0
    steps: float = 0.0
    trust: float = 0.0
    norm: int = 1
    path: float = 0.5
    near: float = 0.0

    def __post_init__(self) -> None:
        check_norm(self.norm)
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise UserError(f"{name} must be a finite number, got {value}")
