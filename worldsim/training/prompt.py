"""Of all that play did while it made a move, what brought the end nearer: advantages over a chunk.

Whoever plays waits, strays and begins again. A clone of that waits too, with the gripper open over
the thing, for as long as waiting is likelier than closing. So a value learns how many control steps
are left until the release, from where the hand is and where it is to go, and the chunks after which
fewer are left than usual count more (advantage-weighted regression, arXiv 1910.00177).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.heads import mlp
from worldsim.moves import told_of
from worldsim.training.batches import Arrays, gather
from worldsim.training.hindsight import Index
from worldsim.training.hindsight_moves import HindsightMoves

_STEPS, _BATCH, _RATE = 3000, 512, 2e-3
_TENS = 10.0  # the value counts tens of steps
_LEAST, _MOST = -6.0, 1.0  # log weights


@dataclass(frozen=True)
class Prompt:
    """Frames from which moves are made, and how often each is to be imitated.

    Attributes:
        frames: (M,) rows of the data.
        reach: (M,) their chances, added up.
    """

    frames: Index
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, arrays: Arrays, found: HindsightMoves, chunk: int, seed: int) -> Prompt:
        """Weigh the chunks of so many actions that begin at ``found.making``."""
        frames = found.making
        left = found.releases.frames[found.next[frames]] - frames
        value = _value(told_at(arrays, found, frames, frames), left, seed)
        ahead = np.minimum(chunk, left)
        later = _steps(value, told_at(arrays, found, frames + ahead, frames))
        later = torch.where(torch.from_numpy(left > chunk), later.clamp(min=0.0), 0.0)
        now = _steps(value, told_at(arrays, found, frames, frames))
        gained = now - later - torch.from_numpy(ahead)
        weights = gained.clamp(_LEAST, _MOST).exp().double().numpy()
        return cls(frames, np.cumsum(weights / weights.sum()))

    def draw(self, rng: np.random.Generator, count: int) -> Index:
        """Frames (B,)."""
        drawn = np.searchsorted(self.reach, rng.random(count))
        frames: Index = self.frames[np.minimum(drawn, len(self.frames) - 1)]
        return frames


def told_at(arrays: Arrays, found: HindsightMoves, frames: Index, of: Index) -> Tensor:
    """What is told (B, 23) at frames (B,) of the moves that are next at frames ``of`` (B,)."""
    return told_of(poses_at(arrays, frames), found.of_frames(of))


def poses_at(arrays: Arrays, frames: Index) -> Tensor:
    """Achieved poses and commanded closedness (B, 8) at frames (B,)."""
    closed = gather(arrays.target, frames)[:, 6:]
    return torch.cat([gather(arrays.proprio, frames), closed], dim=1)


@torch.enable_grad()
def _value(told: Tensor, left: Index, seed: int) -> nn.Module:
    """Learns how many steps are left (M,) from what is told (M, 23)."""
    torch.manual_seed(seed)
    rng, steps = np.random.default_rng(seed), torch.from_numpy(left).float() / _TENS
    value = mlp(told.shape[1], (128, 128), 1)
    optimiser = torch.optim.Adam(value.parameters(), _RATE)
    for step in range(_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * (1.0 - step / _STEPS)
        rows = torch.from_numpy(rng.integers(0, len(told), _BATCH))
        loss = F.smooth_l1_loss(value(told[rows])[:, 0], steps[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return value


@torch.inference_mode()
def _steps(value: nn.Module, told: Tensor) -> Tensor:
    steps: Tensor = _TENS * value(told)[:, 0]
    return steps
