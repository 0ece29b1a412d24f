"""The energy over the translations of one action: slices to look at, and where its minimum lies.

A model that knows what actions do has its minimum, towards the picture of the next real frame, at
the action that was really taken (arXiv 2506.09985, figure 9). All else an action says, its turn and
its gripper, is held at what was really done.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.planning.planner import Cost

Array = NDArray[np.float32]

TRANSLATION = (0, 1, 2)


def candidates(action: Array, axes: Sequence[int], values: Array) -> Array:
    """Copies (S, 1, A) of one action (A,) with other values (S, K) along K axes."""
    found = np.repeat(action[None, None].astype(np.float32), len(values), axis=0)
    found[:, 0, list(axes)] = values
    return found


def score(cost: Cost, actions: Array) -> Array:
    """Energies (S,) of actions (S, H, A)."""
    found: Array = cost(torch.from_numpy(actions)).cpu().numpy()
    return found


def energies(cost: Cost, action: Array, axes: tuple[int, int], points: int = 25) -> Array:
    """Energies (points, points) over two axes from -1 to 1; the first axis is the first index."""
    ticks = np.linspace(-1.0, 1.0, points, dtype=np.float32)
    values = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return score(cost, candidates(action, axes, values)).reshape(points, points)


def minimum(cost: Cost, action: Array, points: int = 7, rounds: int = 5) -> Array:
    """Translation (3,) in [-1, 1] of least energy.

    A grid over the whole box, then ever finer grids, each as wide as two cells of the one before.

    Args:
        cost: (S, 1, A) candidate actions -> (S,) energies.
        action: (A,) whose other entries are held.
        points: of each grid, per axis.
        rounds: grids; five of seven points end at 0.3 mm where 1 means 75 mm.
    """
    ticks = np.linspace(-1.0, 1.0, points, dtype=np.float32)
    cube = np.stack(np.meshgrid(*[ticks] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    best, reach = np.zeros(3, dtype=np.float32), 1.0
    for _ in range(rounds):
        values = np.clip(best + reach * cube, -1.0, 1.0)
        best = values[np.argmin(score(cost, candidates(action, TRANSLATION, values)))]
        reach *= 2.0 / (points - 1)
    return best
