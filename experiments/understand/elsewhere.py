"""The same seeds in two places: what was fitted in the one is tried in the other.

Suites that fit a probe are given the fitted items of home and the held-out ones of the other place;
those that fit nothing are asked in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.errors import UserError
from experiments.understand.items import Features, Item, ItemStore
from worldsim.probes import held_out_frames

Summarise = Callable[[Sequence[Item], Features], Mapping[str, Any]]
_FIELDS = ("score", "low", "high", "random_weights")


@dataclass(frozen=True)
class Answered:
    """Items about which something is asked, and their features."""

    items: Sequence[Item]
    features: Features

    @classmethod
    def of(cls, store: ItemStore) -> Answered:
        """All that a folder holds."""
        items = [item for item in store.items() if not item.dropped]
        return cls(items, store.features(items))

    def only(self, seeds: Sequence[int]) -> Answered:
        """Those of some seeds, in their order."""
        at = {item.seed: index for index, item in enumerate(self.items)}
        rows = [at[seed] for seed in seeds]
        features = {name: values[rows] for name, values in self.features.items()}
        return Answered([self.items[row] for row in rows], features)


def drop(summarise: Summarise, home: Answered, away: Answered) -> dict[str, Any]:
    """Scores on the seeds that both have, at home and away, and how much is lost on the way.

    Args:
        summarise: of the suite.
        home: where a probe is fitted.
        away: where it is tried.

    Returns:
        ``n``, four numbers of ``home`` and of ``away``, and the ``drop``, whose interval is that of
        two independent scores: as the seeds are the same, it is rather too wide.

    Raises:
        UserError: no seed is in both.
    """
    seeds = sorted({i.seed for i in home.items} & {i.seed for i in away.items})
    if not seeds:
        raise UserError("the two folders have no seed in common: nothing can be compared")
    home, away = home.only(seeds), away.only(seeds)
    there = summarise(home.items, home.features)
    tried = _fitted_at_home(home, away) if home.features else away
    here = summarise(tried.items, tried.features)
    lost = there["score"] - here["score"]
    below = math.hypot(there["score"] - there["low"], here["high"] - here["score"])
    above = math.hypot(there["high"] - there["score"], here["score"] - here["low"])
    return {
        "n": len(seeds),
        "home": {name: there[name] for name in _FIELDS},
        "away": {name: here[name] for name in _FIELDS},
        "drop": {
            "value": round(lost, 4),
            "low": round(lost - below, 4),
            "high": round(lost + above, 4),
        },
    }


def _fitted_at_home(home: Answered, away: Answered) -> Answered:
    """The held-out seeds' items from away, the others from home."""
    held_out = held_out_frames(np.array([item.seed for item in home.items]))
    items = [a if out else h for h, a, out in zip(home.items, away.items, held_out, strict=True)]
    features = {}
    for name, values in home.features.items():
        features[name] = values.copy()
        features[name][held_out] = away.features[name][held_out]
    return Answered(items, features)
