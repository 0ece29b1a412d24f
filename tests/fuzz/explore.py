"""Many wrong inputs, of every area alike, and how each was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from experiments.cli import COMMANDS
from tests.fuzz import api, inputs
from tests.fuzz.garden import Garden
from tests.fuzz.judge import Answer, answer


@dataclass(frozen=True)
class Found:
    """An input, and what came of it."""

    area: str
    given: inputs.Input | api.Call
    answer: Answer


def areas(garden: Garden) -> dict[str, SearchStrategy[inputs.Input | api.Call]]:
    """Name -> inputs: commands, files that commands read, the Python interface."""
    return {**inputs.areas(garden), **api.areas(garden)}


def load() -> None:
    """Import what runs each command, so that no input waits for it."""
    for command in COMMANDS.values():
        import_module(f"experiments.{command.main.partition(':')[0]}")


def explore(garden: Garden, counts: dict[str, int], first: int) -> Iterator[Found]:
    """Answer so many inputs of each area.

    Args:
        garden: of valid files.
        counts: area -> how many.
        first: seed; the same one gives the same inputs.
    """
    strategies = areas(garden)
    for area, count in counts.items():
        for one in _drawn(strategies[area], count, first):
            yield Found(area, one, answer(garden, one))


def _drawn(
    strategy: SearchStrategy[inputs.Input | api.Call], count: int, first: int
) -> list[inputs.Input | api.Call]:
    """Different inputs of a strategy: fewer where there are no more."""
    drawn: list[inputs.Input | api.Call] = []

    @seed(first)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(one: inputs.Input | api.Call) -> None:
        drawn.append(one)

    draw()
    return drawn
