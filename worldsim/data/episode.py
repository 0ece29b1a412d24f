"""One trajectory: T frames and the T - 1 actions between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VECTORS = ("proprio", "target")
ACTIONS = ("executed", "commanded", "intended")
LABELS = ("seed", "task", "policy", "success", "branch_of", "branch_step")


class DatasetError(ValueError):
    """A data set that is missing, damaged, or not a worldsim data set."""


@dataclass(frozen=True)
class Episode:
    """What one policy did from one start.

    Attributes:
        images: camera -> (T, H, W, 3) uint8.
        proprio: (T, 7) achieved xyz m, Euler xyz rad, closedness, robot-base frame.
        target: (T, 7) commanded pose.
        executed: (T - 1, 7) achieved differences, V-JEPA 2-AC's actions.
        commanded: (T - 1, 7) what was commanded, metres, radians, closedness.
        intended: (T - 1, 7) what the policy meant before noise.
        physics: (T, n) simulator states.
        seed: episode seed of the start.
        task, policy: who did what.
        stage: (T,) furthest stage so far, 0 none to 4 placed.
        success: whether the task was solved at any time.
        branch_of: seed of the episode this one branches from, or -1.
        branch_step: step at which it branches, or -1.

    Raises:
        ValueError: when shapes do not fit each other or numbers are not finite.
    """

    images: dict[str, NDArray[np.uint8]]
    proprio: NDArray[np.float32]
    target: NDArray[np.float32]
    executed: NDArray[np.float32]
    commanded: NDArray[np.float32]
    intended: NDArray[np.float32]
    physics: NDArray[np.float64]
    seed: int
    task: str
    policy: str
    stage: NDArray[np.int8]
    success: bool
    branch_of: int = -1
    branch_step: int = -1

    def __post_init__(self) -> None:
        count = len(self.proprio)
        shapes = dict.fromkeys(VECTORS, (count, 7)) | dict.fromkeys(ACTIONS, (count - 1, 7))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}: {shape} is needed")
            if not np.isfinite(value).all():
                raise ValueError(f"{name} has entries that are not finite")
        for camera, frames in self.images.items():
            if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[::3] != (count, 3):
                raise ValueError(
                    f"image_{camera} has shape {frames.shape} and type {frames.dtype}: "
                    f"({count}, H, W, 3) uint8 is needed"
                )
        if len(self.physics) != count or self.stage.shape != (count,):
            raise ValueError(f"physics and stage must have {count} entries")

    def __len__(self) -> int:
        return len(self.proprio)

    def digest(self) -> str:
        """SHA-256 (16 hex digits) of simulator states and commands: equal means the same run."""
        sha = hashlib.sha256(np.ascontiguousarray(self.physics).tobytes())
        sha.update(np.ascontiguousarray(self.commanded).tobytes())
        return sha.hexdigest()[:16]
