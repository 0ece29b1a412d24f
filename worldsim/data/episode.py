"""One trajectory: T frames and the T - 1 actions between them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import UserError

VECTORS = ("proprio", "target")
ACTIONS = ("executed", "commanded", "intended")
STEPS = (*ACTIONS, "action")
"""Columns with an entry for each action rather than each frame."""
LABELS = ("seed", "task", "policy", "success", "branch_of", "branch_step")

# A tabletop robot stays within metres of its base: what is further off was not given in metres.
_FURTHEST_M = 10.0


class DatasetError(UserError):
    """A data set that is missing, damaged, foreign, or cannot be written."""


@dataclass(frozen=True)
class Episode:
    """What one policy did from one start.

    Attributes:
        images: camera -> (T, H, W, 3) uint8.
        proprio: (T, 7) float32, achieved xyz m, Euler xyz rad, closedness, robot-base frame.
        target: (T, 7) float32, commanded pose.
        executed: (T - 1, 7) float32, achieved differences, V-JEPA 2-AC's actions.
        commanded: (T - 1, 7) float32, what was commanded, metres, radians, closedness.
        intended: (T - 1, 7) float32, what the policy meant before noise.
        physics: (T, n) float64, simulator states.
        seed: episode seed of the start.
        task, policy: who did what.
        stage: (T,) int8, furthest stage of the task so far, an index.
        success: whether the task was solved at any time.
        branch_of: seed of the episode this one branches from, or -1.
        branch_step: step at which it branches, or -1.
        action: (T - 1, 7) float32 in [-1, 1], what the environment was given: from the same state
            it goes the same way to the last bit. None where that is unknown.

    Raises:
        ValueError: when shapes or types do not fit, or numbers are not finite or out of range.
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
    action: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        count = len(self.proprio)
        if count < 2:
            raise UserError(f"an episode has at least 2 frames: {count} given")
        for name in VECTORS:
            _check(name, getattr(self, name), (count, 7), np.float32)
        for name in ACTIONS:
            _check(name, getattr(self, name), (count - 1, 7), np.float32)
        if self.action is not None:
            _check("action", self.action, (count - 1, 7), np.float32)
        _check("stage", self.stage, (count,), np.int8)
        _check("physics", self.physics, (count, *_size(self.physics, 2)), np.float64)
        for camera, frames in self.images.items():
            _check(f"image_{camera}", frames, (count, *_size(frames, 4)[:2], 3), np.uint8)
        self._check_ranges()

    def _check_ranges(self) -> None:
        for name in VECTORS:
            furthest = float(np.abs(getattr(self, name)[:, :3]).max())
            if furthest > _FURTHEST_M:
                raise UserError(
                    f"{name} has a position of {furthest:.1f}: metres are meant, "
                    f"at most {_FURTHEST_M:.0f}"
                )
        if self.action is not None and np.abs(self.action).max() > 1:
            raise UserError(f"action has an entry of size {np.abs(self.action).max()}: at most 1")
        if self.stage.min() < 0:
            raise UserError(f"stage must be an index, at least 0: {self.stage.min()} given")
        if self.seed < 0 or self.branch_of < -1 or self.branch_step < -1:
            raise UserError(
                f"seed {self.seed} must be at least 0, branch_of {self.branch_of} and "
                f"branch_step {self.branch_step} at least -1"
            )
        if not self.task or not self.policy:
            raise UserError("task and policy must be named")

    def __len__(self) -> int:
        return len(self.proprio)

    def digest(self) -> str:
        """SHA-256 (16 hex digits) of simulator states and commands: equal means the same run."""
        return digest(self.physics, self.commanded)


def given_actions(
    steps: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> NDArray[np.float32]:
    """(T - 1, 7) what the environment was given, in [-1, 1].

    Args:
        steps: "action" and "commanded" of an episode, as ``TrajectoryDataset.window`` gives them.
        meta: of its data set. Where the actions are unknown, commands over "action_scale" take
            their place; where that is unknown too, commands.
    """
    action = steps["action"]
    if np.isnan(action).any():
        action = steps["commanded"] / np.asarray(meta.get("action_scale", 1.0), np.float32)
    given: NDArray[np.float32] = action
    return given


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256, 16 hex digits, of the bytes of some arrays."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def _size(value: NDArray[Any], dimensions: int) -> tuple[int, ...]:
    """The sizes that an array may choose: all but the first, of so many."""
    shape = np.shape(value)
    return shape[1:] if len(shape) == dimensions else (1,) * (dimensions - 1)


def _check(name: str, value: NDArray[Any], shape: tuple[int, ...], kind: type[np.generic]) -> None:
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype != kind:
        given = f"{np.shape(value)} and type {getattr(value, 'dtype', type(value).__name__)}"
        raise UserError(f"{name} has shape {given}: {shape} {np.dtype(kind)} is needed")
    if not np.isfinite(value).all():
        raise UserError(f"{name} has entries that are not finite")
