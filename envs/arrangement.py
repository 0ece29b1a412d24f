"""Arrangements of several objects: the goal vector, what is in place, and in which order to move.

A goal is five numbers an object: its centre (3,), 0 for "left alone" and whether it is to move.
What moves may end within 4 cm of its place; what does not is to stay within 2 cm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.geometry import TABLE_Z

Array = NDArray[np.float64]

PARTS = 5
TOLERANCE_M, KEPT_TOLERANCE_M = 0.04, 0.02
STACKED_M = 0.01
"""Places this close along the table, one above the other, are a stack."""
ROOM_M = 0.05
"""Between two objects, as far as their corners reach: the open gripper passes there."""
TALL_M, TALL_ROOM_M = 0.055, 0.135
"""Beside an object this high, the hand takes more room: from centre to centre."""
LOW, HIGH = np.array([0.40, -0.25]), np.array([0.68, 0.25])
"""The part of the table that is used, x and y in the robot-base frame, m."""


def in_place(achieved: Array, desired: Array) -> NDArray[np.bool_]:
    """(..., n) which objects are where (..., 5n) they should be, and left alone."""
    now, then = _split(achieved), _split(desired)
    apart = np.linalg.norm(now[..., :3] - then[..., :3], axis=-1)
    near = apart < tolerances(moving(desired))
    found: NDArray[np.bool_] = near & (np.abs(now[..., 3] - then[..., 3]) < 0.5)
    return found


def tolerances(moves: NDArray[np.bool_]) -> Array:
    """(..., n) how far from its place an object may end, m, that moves or does not."""
    return np.where(moves, TOLERANCE_M, KEPT_TOLERANCE_M)


def moving(goal: Array) -> NDArray[np.bool_]:
    """(..., n) which objects a goal (..., 5n) has elsewhere than they stand."""
    found: NDArray[np.bool_] = _split(goal)[..., 4] > 0.5
    return found


def places_of(goal: Array) -> Array:
    """(..., n, 3) where a goal (..., 5n) has the objects."""
    return _split(goal)[..., :3]


def _split(goal: Array) -> Array:
    goal = np.asarray(goal, dtype=np.float64)
    return goal.reshape(*goal.shape[:-1], -1, PARTS)


def room(first: Array, second: Array) -> float:
    """Least distance along the table between two objects of half sizes (3,), m."""
    reach = float(np.linalg.norm(first[:2]) + np.linalg.norm(second[:2])) + ROOM_M
    tall = 2 * max(first[2], second[2]) > TALL_M
    return max(reach, TALL_ROOM_M) if tall else reach


@dataclass(frozen=True)
class Layout:
    """Where the objects are and where they are to be.

    Attributes:
        now: (n, 3) their centres.
        goal: (n, 3) their places.
        moves: (n,) whether they are to be elsewhere than they stood.
        half: (n, 3) half sizes.
    """

    now: Array
    goal: Array
    moves: NDArray[np.bool_]
    half: Array

    @classmethod
    def towards(cls, goal: Array, now: Array, half: Array) -> Layout:
        """Of a goal (5n,), centres (n, 3) and half sizes (n, 3)."""
        return cls(now, places_of(goal), moving(goal), half)

    def arrived(self, index: int) -> bool:
        """Whether an object is at its place."""
        apart = np.linalg.norm(self.now[index] - self.goal[index])
        return bool(apart < tolerances(self.moves[index]))

    def below(self, index: int) -> list[int]:
        """The objects whose places an object's place is on."""
        apart = np.linalg.norm((self.goal - self.goal[index])[:, :2], axis=1)
        lower = (apart < STACKED_M) & (self.goal[:, 2] < self.goal[index, 2] - STACKED_M)
        return [int(other) for other in np.flatnonzero(lower)]

    def blocker(self, index: int) -> int | None:
        """The object that stands where an object is to go, and does not belong there."""
        reach = np.linalg.norm(self.half[:, :2], axis=1)
        apart = np.linalg.norm((self.now - self.goal[index])[:, :2], axis=1)
        mine = [index, *(other for other in self.below(index) if self.arrived(other))]
        there = np.flatnonzero(apart < reach + reach[index])
        return next((int(other) for other in there if other not in mine), None)

    def blocked(self) -> int:
        """How many objects cannot be put in place before another has left it."""
        rest = [i for i in range(len(self.now)) if not self.arrived(i)]
        return sum(self.blocker(i) is not None for i in rest)

    def after(self, index: int, place: Array) -> Layout:
        """The layout once an object has been moved."""
        now = self.now.copy()
        now[index] = place
        return Layout(now, self.goal, self.moves, self.half)

    def way(self, start: Array) -> list[tuple[int, Array]]:
        """Single moves (object, place (3,)) that bring all in place, from the nearest on.

        What stands in another's place and cannot go to its own is put aside.

        Args:
            start: (3,) where the tool is.
        """
        layout, tool, moves = self, start, list[tuple[int, Array]]()
        while len(moves) < 2 * len(self.now):
            rest = [i for i in range(len(self.now)) if not layout.arrived(i)]
            if not rest:
                break
            ready = [i for i in rest if layout.ready(i)]
            if ready:
                index = min(ready, key=lambda i: float(np.linalg.norm(layout.now[i] - tool)))
                place = layout.goal[index]
            else:
                found = (layout.blocker(i) for i in rest)
                index = next((i for i in found if i is not None), rest[0])
                place = layout.aside(index)
            moves.append((index, place))
            layout, tool = layout.after(index, place), place
        return moves

    def ready(self, index: int) -> bool:
        """Whether an object's place is free, and what it is to stand on is there."""
        return self.blocker(index) is None and all(map(self.arrived, self.below(index)))

    def aside(self, index: int) -> Array:
        """(3,) the nearest place on the table that is neither taken nor anybody's goal."""
        grid = np.stack(np.meshgrid(*np.linspace(LOW, HIGH, 12).T), axis=-1).reshape(-1, 2)
        others = [i for i in range(len(self.now)) if i != index]
        rooms = np.array([room(self.half[index], self.half[i]) for i in others])
        taken = [self.now[others, :2], self.goal[others, :2]]
        gaps = [np.linalg.norm(grid[:, None] - there, axis=2) - rooms for there in taken]
        gap = np.concatenate(gaps, axis=1).min(axis=1)
        free = grid[gap > 0] if (gap > 0).any() else grid[[gap.argmax()]]
        nearest = free[np.linalg.norm(free - self.now[index, :2], axis=1).argmin()]
        return np.array([*nearest, TABLE_Z + self.half[index, 2]])
