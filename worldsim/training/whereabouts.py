"""Where things stood, and for how long: what the robot's own state tells beside each move.

A thing that was taken somewhere stood there before, for as long as the hand was not near; one that
was put down stays until the hand is near again. So two frames far apart tell of a thing where it
stood and where it was to stand, whatever else was moved between them, and however often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.training.batches import Arrays
from worldsim.training.hindsight import Index
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.releases import SOON

NEAR_M = 0.07
"""A hand that is farther away, seen from above, touches nothing."""
SAME_M = 0.04
"""What is taken so near to where something was put down is that thing."""
_FAR = 12  # moves ahead in which a thing is looked for again
_MOST = 3  # times that a thing is followed
_AGAIN, _LATER = 0.35, 0.65  # chances: the thing's next move counts, too; so does somebody else's
_AWAY = 0.8  # share of the goals in which the hand is elsewhere, where there are such frames
_NEAR_ONLY = 0.25  # how often moves are asked for after which there are none


@dataclass(frozen=True)
class _Frames:
    """For each of R moves a run of other frames: ``count`` of them, from number ``first``."""

    first: Index
    count: Index

    @classmethod
    def between(cls, frames: Index, start: Index, end: Index) -> _Frames:
        """Those of sorted frames from start (R,) to before end (R,)."""
        first = np.searchsorted(frames, start)
        return cls(first, np.searchsorted(frames, end) - first)

    def draw(self, moves: Index, rng: np.random.Generator) -> Index:
        """A number of each of moves (B,) that have any."""
        drawn: Index = self.first[moves] + rng.integers(0, np.maximum(self.count[moves], 1))
        return drawn


@dataclass(frozen=True)
class Whereabouts:
    """What is known of the thing that each of R moves took.

    Attributes:
        found: the moves.
        since: (R,) first frame from which it stood where it was taken.
        until: (R,) last frame at which it stands where it was put down.
        again: (R,) number of the move that takes it next; -1 where none is known to.
        before: which of ``found.empty`` show it where it was taken, the hand being elsewhere.
        opened: frames with fingers told to be open.
        after: which of those show it where it was put down, the hand being elsewhere.
    """

    found: HindsightMoves
    since: Index
    until: Index
    again: Index
    before: _Frames
    opened: Index
    after: _Frames

    @classmethod
    def of(cls, arrays: Arrays, found: HindsightMoves) -> Whereabouts:
        """Read it off the hand's way."""
        hand, open_ = arrays.proprio[:, :2], arrays.target[:, 6] < 0.5
        ends = arrays.ends[found.releases.frames]
        starts = ends + 1 - np.repeat(arrays.lengths, arrays.lengths)[ends]
        since, coming, left, until = (np.empty_like(found.grasps) for _ in range(4))
        for number, (grasp, release) in enumerate(
            zip(found.grasps, found.releases.frames, strict=True)
        ):
            before = slice(starts[number], grasp)
            after = slice(release, ends[number] + 1)
            taken, put = found.moves[number, :2], found.moves[number, 3:5]
            lingers, quiet = _undisturbed((hand[before] - taken)[::-1], open_[before][::-1])
            coming[number], since[number] = grasp - lingers, grasp - lingers - quiet
            lingers, quiet = _undisturbed(hand[after] - put, open_[after])
            left[number], until[number] = release + lingers, release + lingers + quiet - 1
        opened = np.flatnonzero(open_)
        return cls(
            found,
            since,
            until,
            _again(found.moves, ends),
            _Frames.between(found.empty, since, coming),
            opened,
            _Frames.between(opened, left, until + 1),
        )

    def ask(self, rng: np.random.Generator, count: int) -> tuple[Index, Index, NDArray[np.float32]]:
        """Pairs of frames between which a thing was moved, once or more, maybe others, too.

        In most of the later ones the hand is not near it, and never in the earlier ones: nobody is
        to learn that things are asked for where hands are.

        Returns:
            Frames (B,) with empty fingers, later frames (B,), and the move (B, 6) that leads from
            the first to the second at once.
        """
        found, releases = self.found, self.found.releases
        chances = (self.before.count > 0) * np.where(self.after.count > 0, 1.0, _NEAR_ONLY)
        taken = rng.choice(len(chances), count, p=chances / chances.sum())
        here = found.empty[self.before.draw(taken, rng)]
        last, slip, goes = taken, np.zeros((count, 2), dtype=np.float32), np.ones(count, dtype=bool)
        for follows in rng.random((_MOST, count)) < _AGAIN:
            goes &= follows & (self.again[last] >= 0)
            then = np.where(goes, self.again[last], last)
            # Fingers may take it elsewhere on its body than where they had held it.
            slip[goes] += found.moves[then[goes], :2] - found.moves[last[goes], 3:5]
            last = then
        moves = np.concatenate([found.moves[taken, :3], found.moves[last, 3:]], axis=1)
        moves[:, 3:5] -= slip
        others = np.searchsorted(releases.frames, self.until[last], side="right") - 1
        shown = np.minimum(last + rng.geometric(1.0 - _LATER, count) - 1, np.maximum(others, last))
        goals = releases.frames[shown] + rng.integers(1, SOON + 1, count)
        goals = np.minimum(goals, releases.until[shown])
        away = (self.after.count[last] > 0) & (rng.random(count) < _AWAY)
        elsewhere = np.minimum(self.after.draw(last, rng), len(self.opened) - 1)
        return here, np.where(away, self.opened[elsewhere], goals), moves


def _undisturbed(gaps: NDArray[np.float32], open_: NDArray[np.bool_]) -> tuple[int, int]:
    """Frames from the first on in which open fingers linger over a thing, and then are elsewhere.

    Args:
        gaps: (n, 2) from it to the hand, seen from above, m.
        open_: (n,) whether the fingers are told to be open.
    """
    near = np.linalg.norm(gaps, axis=1) < NEAR_M
    lingers = _until(~(near & open_))
    return lingers, _until(near[lingers:])


def _until(ends: NDArray[np.bool_]) -> int:
    """Elements before the first that holds, or all."""
    return int(ends.argmax()) if ends.any() else len(ends)


def _again(moves: NDArray[np.float32], ends: Index) -> Index:
    """(R,) number of the move that takes next what each put down, or -1.

    Args:
        moves: (R, 6).
        ends: (R,) last frames of their episodes.
    """
    again = np.full(len(moves), -1)
    known = np.zeros(len(moves), dtype=bool)
    for ahead in range(1, min(_FAR, len(moves))):
        gaps = np.linalg.norm(moves[ahead:, :2] - moves[:-ahead, 3:5], axis=1)
        same = (ends[ahead:] == ends[:-ahead]) & (gaps < SAME_M)
        same &= (again[:-ahead] < 0) & ~known[ahead:]
        again[:-ahead][same] = np.flatnonzero(same) + ahead
        known[ahead:][same] = True
    return again
