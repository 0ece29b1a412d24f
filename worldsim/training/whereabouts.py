"""Where things stood, and for how long: what the robot's own state tells beside each move.

A thing that was taken somewhere stood there before, for as long as the hand was not near; one that
was put down stays until the hand is near again, if not to put something else upon it. So two frames
far apart tell of a thing where it stood and where it was to stand, whatever else was moved between
them, and however often; and of several things, which was first brought to where it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
OVER_M = 0.03
"""What is carried so much higher than a thing was held passes over it, or is put upon it."""
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


class Asked(NamedTuple):
    """Pairs of frames, and how things were moved between them.

    Attributes:
        here: (B,) frames with empty fingers.
        goals: (B,) later ones.
        first: (B, 6) the move that leads, at once, what first got where it stays from where it
            stood in one frame to where it stands in the other. It can be made now: what the thing
            is to stand on is there, and its place is free.
        second: (B, 6) the same of another thing; one that stays is put where it is taken.
        known: (B,) whether there is another.
    """

    here: Index
    goals: Index
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    known: NDArray[np.bool_]


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
        ends = arrays.ends[found.releases.frames]
        starts = ends + 1 - np.repeat(arrays.lengths, arrays.lengths)[ends]
        hand = _Hand.of(arrays, found)
        coming, left = found.grasps.copy(), found.releases.frames.copy()
        for number, (taken, put) in enumerate(found.moves.reshape(-1, 2, 3)):
            coming[number] -= hand.lingers(taken, slice(starts[number], coming[number]), -1)
            left[number] += hand.lingers(put, slice(left[number], ends[number] + 1))
        hand.leaves(found.releases.frames, left)
        since, until = coming.copy(), left - 1
        for number, (taken, put) in enumerate(found.moves.reshape(-1, 2, 3)):
            since[number] -= hand.avoids(taken, slice(starts[number], coming[number]))
            until[number] += hand.spares(put, slice(left[number], ends[number] + 1))
        opened = np.flatnonzero(hand.open)
        return cls(
            found,
            since,
            until,
            _again(found.moves, ends),
            _Frames.between(found.empty, since, coming),
            opened,
            _Frames.between(opened, left, until + 1),
        )

    def ask(self, rng: np.random.Generator, count: int) -> Asked:
        """Pairs of frames between which a thing was moved, once or more, maybe others, too.

        In most of the later ones the hand is not near it, and never in the earlier ones: nobody is
        to learn that things are asked for where hands are.

        Args:
            rng: draws them.
            count: how many, B.
        """
        releases = self.found.releases
        chances = (self.before.count > 0) * np.where(self.after.count > 0, 1.0, _NEAR_ONLY)
        taken = rng.choice(len(chances), count, p=chances / chances.sum())
        here = self.found.empty[self.before.draw(taken, rng)]
        last, goes = taken, np.ones(count, dtype=bool)
        for follows in rng.random((_MOST, count)) < _AGAIN:
            goes &= follows & (self.again[last] >= 0)
            last = np.where(goes, self.again[last], last)
        others = np.searchsorted(releases.frames, self.until[last], side="right") - 1
        shown = np.minimum(last + rng.geometric(1.0 - _LATER, count) - 1, np.maximum(others, last))
        goals = releases.frames[shown] + rng.integers(1, SOON + 1, count)
        goals = np.minimum(goals, releases.until[shown])
        away = (self.after.count[last] > 0) & (rng.random(count) < _AWAY)
        elsewhere = np.minimum(self.after.draw(last, rng), len(self.opened) - 1)
        goals = np.where(away, self.opened[elsewhere], goals)
        return Asked(here, goals, *self._moved(here, goals, taken))

    def _moved(
        self, here: Index, goals: Index, taken: Index
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """How things that are known to be moved between frames were; see ``Asked``.

        Args:
            here: (B,) frames.
            goals: (B,) later ones.
            taken: (B,) number of a move between them, of a thing that is known to be moved.
        """
        releases = self.found.releases.frames
        moves, last = self._followed(taken, goals)
        second, known, moved = moves, np.zeros(len(here), bool), np.zeros(len(here), bool)
        for ahead in range(_FAR):
            other = np.minimum(self.found.next[here] + ahead, len(releases) - 1)
            stood, grasp = self.since[other] <= here, self.found.grasps[other]
            way, end = self._followed(other, goals)
            there = stood & (here < grasp) & (releases[end] < goals) & (goals <= self.until[end])
            earlier = there & (releases[end] < releases[last])
            later = there & (releases[end] > releases[last])
            second = np.where(earlier[:, None], moves, np.where(later[:, None], way, second))
            moved |= earlier | later
            stays = stood & (goals < grasp) & ~moved
            second = np.where(stays[:, None], np.tile(self.found.moves[other, :3], 2), second)
            known |= moved | stays
            moves, last = np.where(earlier[:, None], way, moves), np.where(earlier, end, last)
        return moves, second, known

    def _followed(self, taken: Index, goals: Index) -> tuple[NDArray[np.float32], Index]:
        """The moves (B, 6) of what moves (B,) took until frames (B,), and the last of each (B,)."""
        moves, last = self.found.moves, taken
        slip = np.zeros((len(taken), 2), dtype=np.float32)
        for _ in range(_MOST):
            then = self.again[last]
            goes = (then >= 0) & (self.found.releases.frames[then] < goals)
            # Fingers may take it elsewhere on its body than where they had held it.
            slip[goes] += moves[then[goes], :2] - moves[last[goes], 3:5]
            last = np.where(goes, then, last)
        way = np.concatenate([moves[taken, :3], moves[last, 3:]], axis=1)
        way[:, 3:5] -= slip
        return way, last


@dataclass(frozen=True)
class _Hand:
    """What the hand does in each of F frames.

    Attributes:
        place: (F, 3) of the tool centre, m.
        open: (F,) whether the fingers are told to be open.
        carries: (F,) whether something is held that will be let go.
        leaves_alone: (F,) whether it has just let go of something, and is still over it.
    """

    place: NDArray[np.float32]
    open: NDArray[np.bool_]
    carries: NDArray[np.bool_]
    leaves_alone: NDArray[np.bool_]

    @classmethod
    def of(cls, arrays: Arrays, found: HindsightMoves) -> _Hand:
        """Read it off the recording."""
        place, open_ = arrays.proprio[:, :3], arrays.target[:, 6] < 0.5
        carries = _during(found.grasps, found.releases.frames, len(place))
        return cls(place, open_, carries, np.zeros_like(carries))

    def leaves(self, released: Index, left: Index) -> None:
        """From frames (R,) to others (R,) it was over what it had let go."""
        self.leaves_alone[:] = _during(released, left, len(self.place))

    def lingers(self, thing: NDArray[np.float32], frames: slice, way: int = 1) -> int:
        """Frames from the first on, or the last back, in which it is open and near a thing (3,)."""
        return _until(~(self._near(thing, frames) & self.open[frames])[::way])

    def avoids(self, thing: NDArray[np.float32], frames: slice) -> int:
        """Frames from the last back in which it is not near a thing (3,)."""
        return _until(self._near(thing, frames)[::-1])

    def spares(self, thing: NDArray[np.float32], frames: slice) -> int:
        """Frames from the first on in which it does not touch a thing (3,), if it stands there.

        It may put something upon it. (Of a thing that stood there later nothing like that is known:
        it may be what was put.)
        """
        over = self.carries[frames] & (self.place[frames, 2] > thing[2] + OVER_M)
        return _until(self._near(thing, frames) & ~over & ~self.leaves_alone[frames])

    def _near(self, thing: NDArray[np.float32], frames: slice) -> NDArray[np.bool_]:
        gaps = self.place[frames, :2] - thing[:2]
        near: NDArray[np.bool_] = np.linalg.norm(gaps, axis=1) < NEAR_M
        return near


def _during(first: Index, end: Index, frames: int) -> NDArray[np.bool_]:
    """(F,) whether a frame lies in one of R runs, from a first one to before an end."""
    steps = np.zeros(frames + 1, dtype=np.int64)
    np.add.at(steps, first, 1)
    np.add.at(steps, end, -1)
    inside: NDArray[np.bool_] = steps.cumsum()[:-1] > 0
    return inside


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
