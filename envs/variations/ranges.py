"""Ranges of a factor's parameters: unions of intervals and lists of names, drawn and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEVELS = ("training", "validation", "held-out:1", "held-out:2", "held-out:3")
"""Where a factor is drawn from: what agents train on, what models are chosen on, and what is
reported, at three strengths."""


@dataclass(frozen=True)
class Spans:
    """A union of intervals, drawn from evenly."""

    parts: tuple[tuple[float, float], ...]

    def draw(self, rng: np.random.Generator) -> float:
        """A number inside, rounded to four decimals so that records stay short."""
        left = rng.uniform(0.0, sum(high - low for low, high in self.parts))
        for low, high in self.parts:
            if left <= high - low:
                break
            left -= high - low
        return min(max(round(low + left, 4), low), high)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and any(a <= value <= b for a, b in self.parts)

    def disjoint(self, other: Range) -> bool:
        """Whether no number is in both."""
        if not isinstance(other, Spans):
            return True
        return all(b < c or d < a for a, b in self.parts for c, d in other.parts)

    def __str__(self) -> str:
        return " or ".join(f"{a:g} to {b:g}" if a != b else f"{a:g}" for a, b in self.parts)


@dataclass(frozen=True)
class Names:
    """A list of names, drawn from evenly."""

    names: tuple[str, ...]

    def draw(self, rng: np.random.Generator) -> str:
        """One of the names."""
        return self.names[int(rng.integers(len(self.names)))]

    def __contains__(self, value: object) -> bool:
        return value in self.names

    def disjoint(self, other: Range) -> bool:
        """Whether no name is in both."""
        return not isinstance(other, Names) or not set(self.names) & set(other.names)

    def __str__(self) -> str:
        """Patterns of one family together: "stripes 0 to 7"; shares where they differ."""
        counts = Counter(self.names)
        families: dict[str, list[int]] = {}
        for name in counts:
            family, _, number = name.rpartition("-")
            if number.isdigit():
                families.setdefault(family, []).append(int(number))
            else:
                families[name] = []
        words = [f"{f} {min(n)} to {max(n)}" if n else f for f, n in families.items()]
        if max(counts.values()) > 1:
            common, count = counts.most_common(1)[0]
            words[words.index(common)] += f" ({count / len(self.names):.0%})"
        return ", ".join(words)


Range = Spans | Names
Ranges = Mapping[str, Range]
"""Parameter -> range. Two of these overlap where every parameter they share overlaps."""


def span(*parts: tuple[float, float]) -> Spans:
    """The union of some intervals."""
    return Spans(tuple(parts))


def both_sides(low: float, high: float) -> Spans:
    """A magnitude between two numbers, of either sign."""
    return Spans(((-high, -low), (low, high))) if low > 0 else Spans(((-high, high),))


def disjoint(first: Ranges, second: Ranges) -> bool:
    """Whether some parameter keeps the two apart whatever the others are."""
    return any(first[name].disjoint(second[name]) for name in first.keys() & second.keys())
