"""Intervals and paired tests for success rates on identical seeds.

Wilson (1927) for one rate; exact McNemar (1947) for two arms on the same seeds; Newcombe's method
10 (Statistics in Medicine 17, 1998, 2635-2650) for the paired difference; Holm (1979) across pairs.
For scores of several training runs on several tasks: interquartile mean, probability of improvement
and stratified bootstrap (Agarwal et al., arXiv 2108.13264).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from envs.errors import UserError


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a rate.

    Raises:
        ValueError: when successes do not lie in 0..n or n is not positive.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise UserError(f"{successes} successes of {n} are not a rate")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class Paired:
    """Two arms on the same seeds.

    Attributes:
        both, first_only, second_only, neither: the 2x2 table.
        difference: rate of the first arm minus the second's.
        low, high: its 95 % interval.
        p_value: exact two-sided McNemar.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    difference: float
    low: float
    high: float
    p_value: float


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value from the discordant pairs."""
    n = first_only + second_only
    if n == 0:
        return 1.0
    return float(min(1.0, 2.0 * stats.binom.cdf(min(first_only, second_only), n, 0.5)))


def paired(first: Sequence[bool], second: Sequence[bool], confidence: float = 0.95) -> Paired:
    """Compare two arms whose entries are the same seeds in the same order.

    Raises:
        ValueError: when the arms differ in length or are empty.
    """
    if len(first) != len(second) or not first:
        raise UserError(f"arms of {len(first)} and {len(second)} episodes cannot be paired")
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    first_only, second_only = int((a & ~b).sum()), int((~a & b).sum())
    low, high = newcombe(both, first_only, second_only, neither, confidence)
    return Paired(
        both,
        first_only,
        second_only,
        neither,
        difference=(first_only - second_only) / len(a),
        low=low,
        high=high,
        p_value=mcnemar(first_only, second_only),
    )


def newcombe(
    both: int, first_only: int, second_only: int, neither: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of a paired difference of rates (Newcombe's method 10)."""
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    p1, p2 = first / n, second / n
    l1, u1 = wilson(first, n, confidence)
    l2, u2 = wilson(second, n, confidence)
    margins = first * (n - first) * second * (n - second)
    phi = 0.0
    if margins > 0:
        numerator: float = both * neither - first_only * second_only
        # Newcombe's continuity correction applies to positive association only.
        numerator = max(numerator - n / 2, 0) if numerator > 0 else numerator
        phi = numerator / math.sqrt(margins)
    d = p1 - p2
    below = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    above = (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    return d - math.sqrt(max(below, 0.0)), d + math.sqrt(max(above, 0.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values, in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return [float(p) for p in adjusted]


def iqm(scores: NDArray[np.float64]) -> float:
    """Interquartile mean: the mean of the middle half of all scores, whatever their shape."""
    return float(stats.trim_mean(np.asarray(scores).ravel(), 0.25))


def probability_of_improvement(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Chance that a run of the first beats one of the second on a task drawn at random.

    Args:
        first: (runs, tasks) scores.
        second: (other runs, tasks) scores.

    Returns:
        Mean over tasks of P(first > second) + P(tie) / 2 (Mann and Whitney's U).
    """
    wins = np.sign(first[:, None] - second[None]) / 2 + 0.5  # (runs, other runs, tasks)
    return float(wins.mean())


def stratified_bootstrap(
    scores: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], float],
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic; runs are drawn again within each task.

    Args:
        scores: (runs, tasks).
        statistic: of such an array.
        confidence: of the interval.
        repetitions: arrays drawn.
        seed: of the draws.

    Raises:
        ValueError: when there is no run or no task.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.size == 0:
        raise UserError(f"scores of shape {scores.shape}: (runs, tasks) are needed")
    rng, tasks = np.random.default_rng(seed), np.arange(scores.shape[1])
    drawn = [
        statistic(scores[rng.integers(len(scores), size=scores.shape), tasks])
        for _ in range(repetitions)
    ]
    low, high = np.quantile(drawn, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
