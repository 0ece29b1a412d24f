"""What rearrangement is evaluated on, to keep it out of what is learnt from.

Learning from play is to be asked for compositions that play never showed. In an evaluated scene,
told by the kinds of its objects alone, whatever their sizes and colours, neither may be seen

- the goal: all objects of a scene with the same kinds in place at once, as success asks;
- its way: two objects, each from about where it stands at the start to about where the goal has
  it, one after the other in an order in which the expert works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

import envs
from envs.arrangement import TOLERANCE_M, Layout, tolerances
from envs.draws import Draws
from envs.variations import get_variation
from experiments.runs.seeds import RANGES

Array = NDArray[np.float64]

TASKS = ("rearrange-2", "rearrange-3", "rearrange-4", "rearrange-2-blocked")
SEEDS = RANGES["reported"]


@dataclass(frozen=True)
class Arrangement:
    """An evaluated start and its goal.

    Attributes:
        kinds: (n,) of the objects.
        start: (n, 3) where they stand.
        goal: (n, 3) where they are to stand.
        moves: (n,) which are to move.
        order: the objects in the order in which the expert moves them, some perhaps twice.
    """

    kinds: tuple[str, ...]
    start: Array
    goal: Array
    moves: NDArray[np.bool_]
    order: tuple[int, ...]

    def reached(self, places: Array) -> bool:
        """Whether all objects were in place at once; places (T, n, 3)."""
        near = np.linalg.norm(places - self.goal, axis=2) < tolerances(self.moves)
        return bool(near.all(axis=1).any())

    def begun(self, kinds: tuple[str, ...], places: Array) -> bool:
        """Whether two of the objects went their ways in the expert's order; places (T, m, 3)."""
        there = [i for i in self.order if self.kinds[i] in kinds]
        for first, second in combinations(there, 2):
            arrived = self._arrival(first, kinds, places)
            if first != second and arrived is not None:
                after = self._arrival(second, kinds, places[arrived:])
                if after is not None:
                    return True
        return False

    def _arrival(self, index: int, kinds: tuple[str, ...], places: Array) -> int | None:
        """First frame at which an object that was near its start is near its goal."""
        track = places[:, kinds.index(self.kinds[index])]
        left = np.linalg.norm(track - self.start[index], axis=1) < TOLERANCE_M
        there = np.linalg.norm(track - self.goal[index], axis=1) < TOLERANCE_M
        ends = np.flatnonzero(there & np.logical_or.accumulate(left))
        return int(ends[0]) if len(ends) else None


def arrangement(task: str, seed: int) -> Arrangement:
    """What an episode seed of a task asks for; nothing is simulated."""
    start = envs.TASKS[task].task().sample_start(Draws(seed, get_variation("default")))
    now = np.stack([thing.position for thing in start.objects])
    half = np.stack([thing.half_size for thing in start.objects])
    layout = Layout.towards(start.goal, now, half)
    order = tuple(index for index, _ in layout.way(start.tool_position))
    return Arrangement(start.kinds, layout.now, layout.goal, layout.moves, order)


@lru_cache(maxsize=1)
def evaluated() -> tuple[Arrangement, ...]:
    """Of all evaluated seeds."""
    return tuple(arrangement(task, seed) for task in TASKS for seed in SEEDS)


def shown(kinds: tuple[str, ...], places: Array) -> Iterator[Arrangement]:
    """The evaluated arrangements that an episode shows, or begins to, in the order of its way.

    Args:
        kinds: (n,) of its objects, no two alike.
        places: (T, n, 3) of their centres.
    """
    for asked in evaluated():
        if (kinds == asked.kinds and asked.reached(places)) or asked.begun(kinds, places):
            yield asked


def composes(env: Any, places: Array) -> bool:
    """Whether an episode in an environment of rearrangement shows an evaluated arrangement."""
    return next(shown(env.start.kinds, places), None) is not None
