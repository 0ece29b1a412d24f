"""Goals that say something: frames just after something was let go.

A later frame of play differs from the present one by where the gripper is, nearly always, so that
whoever learns to bring about any later frame learns to bring the gripper there. To a frame just
after something was let go there is no other way than to take that thing and to put it down. The
robot's own state tells such frames: fingers that were told to close stayed apart, and opened.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.moves import HELD
from worldsim.training.batches import Arrays

Index = NDArray[np.int64]

STEADY = 0.08
"""Change of closedness in a step below which fingers have stopped."""
SOON = 3
"""A goal lies up to so many frames after its release, while the fingers are open."""
DIRECT = 24
"""A thing is taken and put down in fewer frames; from where it took more there was a detour."""


@dataclass(frozen=True)
class Releases:
    """Where things were let go, of F frames.

    Attributes:
        frames: (R,) frames before which the fingers opened, in order.
        until: (R,) last frames with open fingers after each, up to ``SOON`` later.
        next: (F,) number of the first release whose ``until`` is not past, R where none comes.
        last: (F,) number of the last release of each frame's episode.
        direct: a thing is taken and put down in so many frames.
    """

    frames: Index
    until: Index
    next: Index
    last: Index
    direct: int = DIRECT

    @classmethod
    def of(cls, arrays: Arrays, direct: int = DIRECT) -> Releases:
        """Find them in the recorded poses and commands."""
        ends, closed = arrays.ends, arrays.target[:, 6] > 0.5
        frames = _releases(arrays, closed)
        until, opened = frames.copy(), np.ones(len(frames), dtype=bool)
        for step in range(1, SOON + 1):
            later = np.minimum(frames + step, ends[frames])
            opened &= ~closed[later]
            until[opened] = later[opened]
        coming = np.searchsorted(until, np.arange(len(ends)))
        last = np.searchsorted(frames, ends, side="right") - 1
        return cls(frames, until, coming, last, direct)

    def follows(self, now: Index) -> NDArray[np.bool_]:
        """Whether there are goals for frames (B,): a release soon to come, or one just past."""
        some: NDArray[np.bool_] = self.next[now] <= self.last[now]
        some[some] = self._direct(now[some], self.next[now[some]], 1)
        return some

    def _direct(self, now: Index, number: Index, things: Index | int) -> NDArray[np.bool_]:
        """Whether releases of these numbers (B,) came as soon as it takes to move that many."""
        direct: NDArray[np.bool_] = self.frames[number] - now <= self.direct * things
        return direct

    def goals(self, now: Index, rng: np.random.Generator) -> Index:
        """Goals (B,) for frames (B,) that have any: just after the next release, or a later one.

        While the fingers are still open after one, it is the next: there the lesson is to hold
        still.
        """
        return self.ahead(now, self.next[now], rng)

    def ahead(self, now: Index, first: Index, rng: np.random.Generator) -> Index:
        """Goals (B,) for frames (B,): just after releases of these numbers (B,), or later ones.

        Half of them after these, a quarter after the second, and so on, unless that was on a
        detour.
        """
        number = np.minimum(first + rng.geometric(0.5, len(now)) - 1, self.last[now])
        number = np.where(self._direct(now, number, number - first + 1), number, first)
        goals = self.frames[number] + rng.integers(1, SOON + 1, len(now))
        soon: Index = np.maximum(now, np.minimum(goals, self.until[number]))
        return soon


def _releases(arrays: Arrays, closed: NDArray[np.bool_]) -> Index:
    """(R,) frames whose command opens fingers that held something for two frames."""
    place = arrays.proprio[:, 6]
    now = np.arange(2, len(place))
    held = (place[now - 1] > HELD[0]) & (place[now - 1] < HELD[1])
    held &= np.abs(place[now - 1] - place[now - 2]) < STEADY
    whole = arrays.ends[now - 2] == arrays.ends[now]
    frames: Index = now[whole & held & closed[now - 1] & closed[now - 2] & ~closed[now]]
    return frames
