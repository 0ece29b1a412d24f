"""One colour an agent, wherever it appears: tables, curves, points, videos, figures on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from experiments.runs.arms import Arm, rank

COLOURS = (
    *("#2f81f7", "#e8833a", "#2da44e", "#a371f7", "#d6409f", "#12a5a5"),
    *("#b08a1e", "#e5484d", "#6b5bd2", "#8a6246", "#5fb86f", "#d98cc0"),
)
"""Readable on white and on near black; the first is the planner's wherever it takes part."""

GREYS = ("#6e7681", "#a3acb8")
"""Of agents that learnt nothing."""


def colours(arms: Sequence[Arm]) -> dict[str, str]:
    """A colour for each label; they repeat where there are more than twelve."""
    ordered = sorted(arms, key=rank)
    return _dealt((arm.label for arm in ordered if arm.learnt), COLOURS) | _dealt(
        (arm.label for arm in ordered if not arm.learnt), GREYS
    )


def _dealt(labels: Iterable[str], palette: Sequence[str]) -> dict[str, str]:
    return dict(zip(dict.fromkeys(labels), cycle(palette), strict=False))
