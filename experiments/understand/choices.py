"""Whose choice among chunks is a good one: rank correlation, regret, right answers, optimism.

A row is what ``counterfactual`` keeps of an item: ``value`` and ``held`` of K chunks, ``costs``
(whom -> K numbers), and the same of the ``elites`` of a search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.understand.measures import (
    Floats,
    estimate,
    losses,
    regret,
    right_of_two,
    spearman,
)

Rows = Sequence[Mapping[str, Any]]


def summarise(rows: Rows) -> dict[str, Any]:
    """Score of the model's energy (without heads: of its latent distance), and all beside it."""
    names = list(rows[0]["costs"])
    scorers = {name: _measured(rows, name) for name in names}
    main = "energy" if "model: energy" in scorers else "latent"
    own, untrained = scorers[f"model: {main}"], scorers[f"random_weights: {main}"]
    lost = {name: _lost(rows, name) for name in names}
    score = own["spearman"]
    return {
        "score": score["value"],
        "low": score["low"],
        "high": score["high"],
        "chance": 0.0,
        "random_weights": untrained["spearman"]["value"],
        "what": f"Spearman of the {main} imagined with the dense reward simulated",
        "regret": own["regret"],
        "elite_regret": own.get("elite_regret"),
        "regret_less_than": {
            name: _less(lost[f"model: {main}"], other)
            for name, other in lost.items()
            if not name.startswith("model: ")
        },
        "optimism_bias": {name: optimism(rows, name) for name in ("model", "random_weights")},
        "scorers": scorers,
        "chunks": int(sum(len(row["value"]) for row in rows)),
        "held": round(float(np.mean(np.concatenate([row["held"] for row in rows]))), 4),
        "flipped": int(sum(row["flipped"] for row in rows)),
        "policies": dict(Counter(row["policy"] for row in rows).most_common()),
        "regret_by_explorer": _by_explorer(rows, (f"model: {main}", "gc-bc")),
    }


def _by_explorer(rows: Rows, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Explorer, whatever its noise -> whom -> regret in the states it came through; and n."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["policy"].partition("-")[0], []).append(row)
    return {
        explorer: {"n": len(own)} | {n: round(regret(_lost(own, n)), 4) for n in names}
        for explorer, own in groups.items()
    }


def optimism(rows: Rows, model: str) -> dict[str, Any] | None:
    """How much nearer to the goal imagination is than what is seen, where a chunk fails.

    Returns:
        Control steps by which the goal head finds the imagined end nearer than the picture of the
        true one, of chunks that fail and of those that hold; and the share of failing chunks whose
        imagined end, and whose true one, the head takes for held (below the steps to go that best
        tell the true ends apart). None where there is no goal head.
    """
    if f"{model}: steps" not in rows[0]["costs"]:
        return None
    imagined, seen = (
        [np.array(row["costs"][f"{model}: {name}"]) for row in rows]
        for name in ("steps", "steps, seen")
    )
    held = [np.array(row["held"], dtype=bool) for row in rows]
    gap = [after - before for before, after in zip(imagined, seen, strict=True)]
    limit = _best_limit(np.concatenate(seen), np.concatenate(held))
    found: dict[str, Any] = {}
    for name, failing in (("failing", True), ("held", False)):
        chosen = [one != failing for one in held]
        found[f"steps_{name}"] = _mean_of(gap, chosen)
    failing_ones = [~one for one in held]
    found["taken_for_held_imagined"] = _mean_of([one < limit for one in imagined], failing_ones)
    found["taken_for_held_seen"] = _mean_of([one < limit for one in seen], failing_ones)
    return found


def _best_limit(steps: Floats, held: NDArray[np.bool_]) -> float:
    """Below which steps to go tell held from not held with the best balanced accuracy."""
    if held.all() or not held.any():
        return float(np.median(steps))
    tried = np.unique(np.quantile(steps, np.linspace(0, 1, 101)))
    right = [(steps[held] < t).mean() + (steps[~held] >= t).mean() for t in tried]
    return float(tried[int(np.argmax(right))])


def _mean_of(
    values: Sequence[NDArray[Any]], chosen: Sequence[NDArray[np.bool_]]
) -> dict[str, float] | None:
    """Mean over the chosen chunks; the interval is over items."""
    sums = np.array([[v[c].sum(), c.sum()] for v, c in zip(values, chosen, strict=True) if c.any()])
    if not len(sums):
        return None

    def mean(index: NDArray[np.int64]) -> float:
        total, count = sums[index].sum(axis=0)
        return float(total / count)

    return estimate(len(sums), mean)


def _measured(rows: Rows, name: str) -> dict[str, Any]:
    """Rank correlation, regret and right answers of one scorer; the latter two of elites, too."""
    pairs = [(np.array(row["value"]), np.array(row["costs"][name])) for row in rows]
    ranks = np.array([spearman(value, -cost) for value, cost in pairs])
    answers = [np.array(row["held"], dtype=bool) for row in rows]
    both = [
        (held, cost)
        for held, (_, cost) in zip(answers, pairs, strict=True)
        if held.any() and not held.all()
    ]
    found: dict[str, Any] = {
        "spearman": estimate(len(ranks), lambda index: float(ranks[index].mean())),
        "regret": _regret(_lost(rows, name)),
    }
    if both:
        right = np.array([right_of_two(held, cost) for held, cost in both])
        found["right_of_two"] = estimate(len(right), lambda index: float(right[index].mean()))
        found["right_of_two"]["n"] = len(right)
    elites = [row["elites"] for row in rows if row["elites"]]
    if elites:
        found["elite_regret"] = _regret(_lost(elites, name))
    return found


def _lost(rows: Rows, name: str) -> Floats:
    """(n, 2), see ``losses``."""
    each = [losses(np.array(row["value"]), np.array(row["costs"][name])) for row in rows]
    return np.array(each)


def _regret(lost: Floats) -> dict[str, float]:
    return estimate(len(lost), lambda index: regret(lost[index]))


def _less(own: Floats, other: Floats) -> dict[str, float]:
    """By how much one's regret is below another's, on the same items."""
    return estimate(len(own), lambda index: regret(other[index]) - regret(own[index]))
