"""How well a ranking agrees with the truth, and how sure that is.

Regret is 0 for the best chunk and 1 for one drawn at random: what is lost by a choice, over what a
random choice loses, each summed over all items, so that items on which little depends weigh little.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

REPETITIONS = 1000


def spearman(wanted: Floats, given: Floats) -> float:
    """Rank correlation of two scores (K,); 0 where one of them says nothing."""
    if np.ptp(wanted) == 0.0 or np.ptp(given) == 0.0:
        return 0.0
    return float(stats.spearmanr(wanted, given).statistic)


def losses(values: Floats, cost: Floats) -> tuple[float, float]:
    """What the cheapest of K chunks loses of their best value, and what a random one would.

    Args:
        values: (K,) of what the simulator says comes of them.
        cost: (K,) by which one is chosen; of equal ones each as often.
    """
    chosen = values[cost == cost.min()].mean()
    return float(values.max() - chosen), float(values.max() - values.mean())


def regret(lost: Floats) -> float:
    """Of items (n, 2), as ``losses`` gives them; 0 where nothing could be lost."""
    chosen, random = lost.sum(axis=0)
    return float(chosen / random) if random > 0 else 0.0


def right_of_two(answers: NDArray[np.bool_], cost: Floats) -> float:
    """How often, of a chunk that does it and one that does not, the former is the cheaper one.

    Yes and no are balanced by construction: chance is one half, and ties are that.
    """
    gap = cost[~answers][None] - cost[answers][:, None]
    return float((np.sign(gap) / 2 + 0.5).mean())


def interval(n: int, statistic: Callable[[NDArray[np.int64]], float]) -> tuple[float, float]:
    """95 % percentile bootstrap interval over n items.

    Args:
        n: items.
        statistic: of the items with the given indices (n,), drawn with replacement.
    """
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(n, size=n)) for _ in range(REPETITIONS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def estimate(n: int, statistic: Callable[[NDArray[np.int64]], float]) -> dict[str, float]:
    """``value``, ``low`` and ``high`` of a statistic of n items, rounded for reading."""
    low, high = interval(n, statistic)
    found = {"value": statistic(np.arange(n)), "low": low, "high": high}
    return {name: round(value, 4) for name, value in found.items()}
