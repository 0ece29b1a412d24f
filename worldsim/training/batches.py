"""Training arrays in memory, and batches of windows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import UserError
from worldsim.states import PLACE_AND_YAW, check_poses, relative_action


@dataclass(frozen=True)
class Arrays:
    """A data set laid end to end; F frames in all, E episodes.

    Attributes:
        frames: (F, V, S, S, 3) uint8, or latents (F, N, D) once the encoder is frozen.
        proprio, target: (F, 7) achieved and commanded poses.
        commanded, intended: (F, 7) physical actions leaving each frame (zero at an episode's end).
        lengths: (E,) frames of each episode.
        policies: (E,) who collected it.

    Raises:
        ValueError: poses or actions that cannot be: NaN, degrees, other sizes.
    """

    frames: NDArray[np.uint8] | Tensor
    proprio: NDArray[np.float32]
    target: NDArray[np.float32]
    commanded: NDArray[np.float32]
    intended: NDArray[np.float32]
    lengths: NDArray[np.int64]
    policies: NDArray[np.str_]

    def __post_init__(self) -> None:
        check_poses(self.proprio)
        check_poses(self.target)
        for name in ("commanded", "intended"):
            actions = getattr(self, name)
            if actions.shape != self.proprio.shape or not np.isfinite(actions).all():
                raise UserError(
                    f"{name} actions have shape {actions.shape}, or are not finite: "
                    f"{self.proprio.shape} is needed"
                )

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(E,) first frame of each episode."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])

    @property
    def ends(self) -> NDArray[np.int64]:
        """(F,) last frame of the episode each frame belongs to."""
        return np.repeat(self.offsets + self.lengths - 1, self.lengths)

    def start_box(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The least and the most x, y, z (m) and yaw (rad) in the middle nine tenths of starts."""
        first = self.proprio[self.offsets][:, PLACE_AND_YAW].astype(np.float64)
        low, high = np.quantile(first, (0.05, 0.95), axis=0).round(3).tolist()
        return tuple(low), tuple(high)

    def collected_by(self, policies: tuple[str, ...]) -> NDArray[np.bool_]:
        """(F,) whether one of these policies, by prefix, collected each frame's episode."""
        theirs = np.array([str(policy).startswith(policies) for policy in self.policies])
        return np.repeat(theirs, self.lengths)

    def relative(self) -> NDArray[np.float32]:
        """(F, 7) relative actions, see ``worldsim.states``."""
        return relative_action(self.target, self.commanded, self.proprio).astype(np.float32)

    def window_starts(self, length: int) -> NDArray[np.int64]:
        """First frames of all windows of so many frames inside one episode.

        Raises:
            UserError: no episode is so long.
        """
        counts = np.maximum(self.lengths - length + 1, 0)
        if not counts.any():
            longest = int(self.lengths.max(initial=0))
            raise UserError(f"windows of {length} frames: the longest episode has {longest}")
        starts = np.repeat(self.offsets, counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        windows: NDArray[np.int64] = starts + within
        return windows


def gather(source: NDArray[np.generic] | Tensor, index: NDArray[np.int64]) -> Tensor:
    """Rows of an array or tensor by an index of any shape."""
    flat = index.ravel()
    if isinstance(source, Tensor):
        rows = source[torch.from_numpy(flat)]
    else:
        rows = torch.from_numpy(source[flat])
    return rows.reshape(*index.shape, *rows.shape[1:])


def gather_tokens(latents: Arrays, index: NDArray[np.int64], count: int, device: str) -> Tensor:
    """The first ``count`` tokens of frames by an index of any shape: (..., count, D), float32."""
    return gather(latents.frames, index)[..., :count, :].to(device).float()
