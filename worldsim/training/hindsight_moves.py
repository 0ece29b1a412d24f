"""The moves in recorded play: what the robot's own state tells of each thing taken and put down.

Every frame from which something was soon let go is an example: of what the latents were just after
that move, and of the actions that made it. No episode needs a goal of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import UserError
from worldsim.training.batches import Arrays
from worldsim.training.hindsight import Index
from worldsim.training.releases import Releases

WITHIN = 40
"""A release so many frames on is what was being done; from afar it takes as long."""
AFTER = 2
"""What the executor works towards is seen so many frames after the release, with open fingers."""
LATER = 15
"""The outcome of a move is seen up to so many frames after its release, while fingers are open."""


@dataclass(frozen=True)
class HindsightMoves:
    """The moves of F frames.

    Attributes:
        releases: where they end; R of them.
        next: (F,) number of the first release that is not past.
        grasps: (R,) frames before which the fingers closed for each.
        moves: (R, 6) tool centre when the fingers closed, and when they opened, m.
        heights: (R,) how high the tool centre got between, m.
        after: (R,) frames that show what each brought about.
        until: (R,) last frames that do, while the hand with open fingers goes elsewhere.
        empty: frames before one, the fingers being open and empty.
        making: frames from which one was made.
    """

    releases: Releases
    next: Index
    grasps: Index
    moves: NDArray[np.float32]
    heights: NDArray[np.float32]
    after: Index
    until: Index
    empty: Index
    making: Index

    @classmethod
    def of(cls, arrays: Arrays, demonstrators: tuple[str, ...]) -> HindsightMoves:
        """Find them; ``demonstrators`` are policies (by prefix) to learn from.

        Raises:
            UserError: nothing is taken and let go in the data.
        """
        releases = Releases.of(arrays, WITHIN)
        ends, closed = arrays.ends, arrays.target[:, 6] > 0.5
        now = np.arange(len(ends))
        coming = np.searchsorted(releases.frames, now)
        some = np.flatnonzero(coming <= releases.last)
        some = some[arrays.collected_by(demonstrators)[some]]
        ahead = releases.frames[coming[some]] - some
        soon = some[ahead <= WITHIN]
        if not len(soon):
            raise UserError("nothing is taken and let go in the data: there are no moves to learn")
        grasps = _last_open(closed, arrays.offsets, arrays.lengths)[releases.frames - 1] + 1
        place, last = arrays.proprio[:, :3], releases.frames
        moves = np.concatenate([place[grasps], place[last]], axis=1)
        # Every other run is a way; one more element, for the last way may end with the data.
        way = np.stack([grasps, last + 1], axis=1).ravel()
        heights = np.maximum.reduceat(np.append(place[:, 2], place[-1, 2]), way)[::2]
        after = np.minimum(last + AFTER, releases.until)
        until = np.minimum(_next_closed(closed, ends)[last] - 1, last + LATER)
        empty = soon[~closed[soon] & (soon < grasps[coming[soon]])]
        return cls(releases, coming, grasps, moves, heights, after, until, empty, soon)

    def outcomes(self, frames: Index, rng: np.random.Generator) -> Index:
        """Frames (B,) that show what the move that is next at frames (B,) brought about."""
        number = self.next[frames]
        first = np.minimum(self.releases.frames[number] + 1, self.until[number])
        later: Index = rng.integers(first, self.until[number] + 1)
        return later

    def of_frames(self, frames: Index) -> Tensor:
        """Moves (B, 6) that are next at frames (B,)."""
        return torch.from_numpy(self.moves[self.next[frames]])

    def heights_of(self, frames: Index) -> Tensor:
        """How high (B,) what is taken next at frames (B,) is carried."""
        return torch.from_numpy(self.heights[self.next[frames]])


def _next_closed(closed: NDArray[np.bool_], ends: Index) -> Index:
    """(F,) first frame from each on at which the fingers are told to be closed, or past its end."""
    nexts = np.where(closed, np.arange(len(closed)), len(closed))
    found: Index = np.minimum(np.minimum.accumulate(nexts[::-1])[::-1], ends + 1)
    return found


def _last_open(closed: NDArray[np.bool_], offsets: Index, lengths: Index) -> Index:
    """(F,) last frame up to each, in its episode, at which the fingers were told to be open."""
    opened = np.where(closed, -1, np.arange(len(closed)))
    firsts = np.repeat(offsets, lengths) - 1
    found: Index = np.maximum(np.maximum.accumulate(opened), firsts)
    return found
