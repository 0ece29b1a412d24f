"""What a model imagines beside what was recorded: open-loop errors and the nearest real frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.context import Context
from worldsim.data import Episode
from worldsim.states import relative_action
from worldsim.world_model import WorldModel

_BATCH = 64


@dataclass(frozen=True)
class Recording:
    """An episode of T frames as a model sees it.

    Attributes:
        latents: (T, N, D) of its frames.
        proprio, target: (T, 7) achieved and commanded poses.
        actions: (T - 1, 7) commanded, in [-1, 1].
        relative: (T - 1, 7) commanded, measured from what was achieved (``worldsim.states``).
    """

    latents: Tensor
    proprio: NDArray[np.float64]
    target: NDArray[np.float64]
    actions: NDArray[np.float32]
    relative: NDArray[np.float64]

    @classmethod
    @torch.inference_mode()
    def of(cls, model: WorldModel, episode: Episode) -> Recording:
        """Encode an episode."""
        parts = []
        for start in range(0, len(episode), _BATCH):
            rows = slice(start, start + _BATCH)
            parts.append(model.encode({c: frames[rows] for c, frames in episode.images.items()}))
        proprio, target = episode.proprio.astype(np.float64), episode.target.astype(np.float64)
        return cls(
            torch.cat(parts),
            proprio,
            target,
            episode.commanded / np.array(model.config.action_scale, dtype=np.float32),
            relative_action(target[:-1], episode.commanded, proprio[:-1]),
        )

    def context(self, row: int, frames: int) -> Context:
        """What a plan at a frame starts from, looking back on so many frames at most."""
        first = max(0, row + 1 - frames)
        rows = slice(first, row + 1)
        return Context(
            self.latents[rows], self.relative[first:row], self.proprio[rows], self.target[row]
        )


@torch.inference_mode()
def imagine(model: WorldModel, recording: Recording, row: int, horizon: int) -> Tensor:
    """Latents (H, N, D) imagined from one frame under the recorded actions."""
    context = recording.context(row, model.config.context_frames)
    actions = torch.from_numpy(recording.actions[row : row + horizon])[None]
    return model.rollout(context, actions)[0][0]


def open_loop_errors(
    model: WorldModel, starts: Iterable[tuple[Recording, int]], horizon: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean absolute latent error (H,) of imagination, and of taking it that nothing moves."""
    imagined, copied = [], []
    for recording, row in starts:
        real = recording.latents[row + 1 : row + 1 + horizon]
        imagined.append(distance(imagine(model, recording, row, horizon), real))
        copied.append(distance(recording.latents[row], real))
    means = [torch.stack(errors).mean(0).cpu().numpy() for errors in (imagined, copied)]
    return means[0], means[1]


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference (...,) of latents (..., N, D): the planner's energy."""
    return (one - other).abs().mean(dim=(-2, -1))


def nearest(imagined: Tensor, pool: Tensor) -> NDArray[np.int64]:
    """Indices (H,) of the frames (F, N, D) that imagined latents (H, N, D) are nearest to."""
    found = [int(distance(pool, latents).argmin()) for latents in imagined]
    return np.array(found, dtype=np.int64)
