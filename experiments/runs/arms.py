"""Finished runs side by side, and paired where their episodes began alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.runs.choices import label
from experiments.runs.spec import RunSpec
from experiments.runs.statistics import Paired, holm, paired
from experiments.runs.store import EPISODES, read_rows
from experiments.runs.summaries import summarise

REFERENCE = "world-model"
"""The agent that others are compared with, where it took part; otherwise the first one."""


@dataclass(frozen=True)
class Arm:
    """One finished run: where it lies, what it was, its summary and its episodes."""

    folder: Path
    spec: RunSpec
    summary: dict[str, Any]
    rows: list[dict[str, Any]]

    @classmethod
    def of(
        cls,
        folder: Path,
        seeds: Sequence[int] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> Arm:
        """A run's folder read again.

        Args:
            folder: of the run.
            seeds: only these episodes.
            facts: more for the summary; otherwise what the last evaluation wrote there.

        Raises:
            ValueError: when the folder holds no finished episode of these.
        """
        spec = RunSpec.read(folder)
        wanted = None if seeds is None else set(seeds)
        rows = [r for r in read_rows(folder) if wanted is None or r["seed"] in wanted]
        path = folder / "summary.json"
        if facts is None:
            facts = json.loads(path.read_text()) if path.exists() else {}
        return cls(folder, spec, facts | summarise(spec, rows), rows)

    @property
    def label(self) -> str:
        """What the agent says it is (recipe, demonstrations), and its options."""
        return label(self.spec, self.summary.get("made_of", {}).get("label"))


def load_arms(folder: Path) -> list[Arm]:
    """Every run below a folder that finished an episode, in the order of tasks and names.

    Raises:
        ValueError: when there is none.
    """
    found = []
    for path in sorted(folder.glob("**/spec.json")):
        episodes = path.parent / EPISODES
        if episodes.exists() and episodes.stat().st_size:
            found.append(Arm.of(path.parent))
    if not found:
        raise ValueError(
            f"{folder} holds no runs: give the folder of an evaluation, sweep or comparison"
        )
    return found


@dataclass(frozen=True)
class Comparison:
    """Two arms of one task and goal on the same starts; ``p_holm`` is adjusted for all pairs."""

    task: str
    goal: str
    first: str
    second: str
    result: Paired
    p_holm: float


def compare_arms(arms: list[Arm]) -> list[Comparison]:
    """The reference against every other arm of its task and goal that ran the same seeds."""
    pairs: list[tuple[Arm, Arm, Paired]] = []
    for key in dict.fromkeys((arm.spec.task, arm.spec.goal) for arm in arms):
        group = [arm for arm in arms if (arm.spec.task, arm.spec.goal) == key]
        reference = next((arm for arm in group if arm.spec.agent == REFERENCE), group[0])
        seeds = [row["seed"] for row in reference.rows]
        for other in group:
            if other is not reference and [row["seed"] for row in other.rows] == seeds:
                pairs.append((reference, other, pair_rows(reference.rows, other.rows)))
    adjusted = holm([result.p_value for _, _, result in pairs])
    return [
        Comparison(one.spec.task, one.spec.goal, one.label, other.label, result, p)
        for (one, other, result), p in zip(pairs, adjusted, strict=True)
    ]


def pair_rows(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> Paired:
    """Pair two arms' episodes.

    Raises:
        ValueError: when the seeds or the initial-state hashes differ.
    """
    starts = [[(r["seed"], r["initial_state_hash"]) for r in rows] for rows in (first, second)]
    if starts[0] != starts[1]:
        differing = sorted({s for s, _ in set(starts[0]) ^ set(starts[1])})
        raise ValueError(
            f"rows cannot be paired: seeds or initial-state hashes differ at {differing[:5]}"
        )
    return paired([r["success"] for r in first], [r["success"] for r in second])
