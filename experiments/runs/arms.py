"""Finished runs side by side: read, named, put in order, and paired where they began alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.base import AGENTS
from envs import TASKS
from envs.errors import UserError
from envs.task import GOAL_MODES
from experiments.runs import naming
from experiments.runs.agent_facts import FACTS
from experiments.runs.archive import ENDING, is_archive, read_archive
from experiments.runs.naming import Subject
from experiments.runs.spec import USUAL_VARIATION, RunSpec
from experiments.runs.statistics import Paired, holm, paired
from experiments.runs.store import EPISODES, check_fields, read_json, read_rows
from experiments.runs.summaries import summarise

REFERENCE = "world-model"
"""The agent that others are compared with, where it took part; otherwise the first one."""

TIERS = {
    "C": "image goal, offline data",
    "B": "image goal, online RL",
    "A": "privileged state",
}
"""In the order in which they are shown. Agents that learnt nothing stand after them all."""


@dataclass(frozen=True)
class Arm:
    """One finished run.

    Attributes:
        folder: where it lies.
        spec: what it was.
        summary: of its episodes.
        rows: its episodes by seed.
        label: what to call its agent within the set at hand (``named``).
        conditions: what to call its goal pictures, cameras and so on within that set.
    """

    folder: Path
    spec: RunSpec
    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    label: str = ""
    conditions: str = ""

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
            UserError: when a file of it is damaged.
            ValueError: when the folder holds no finished episode of these.
        """
        spec = RunSpec.read(folder)
        wanted = None if seeds is None else set(seeds)
        rows = [r for r in read_rows(folder) if wanted is None or r["seed"] in wanted]
        path = folder / "summary.json"
        if facts is None:
            facts = read_json(path) if path.exists() else {}
            if "made_of" in facts:
                check_fields(facts["made_of"], FACTS, f"{path} is damaged: made_of")
        return cls.made(folder, spec, rows, facts)

    @classmethod
    def made(
        cls, folder: Path, spec: RunSpec, rows: list[dict[str, Any]], facts: dict[str, Any]
    ) -> Arm:
        """An arm of episodes, with a summary and a name of its own.

        Args:
            folder: where it lies.
            spec: what it was.
            rows: its episodes by seed.
            facts: more for the summary.
        """
        (arm,) = named([cls(folder, spec, facts | summarise(spec, rows), rows)])
        return arm

    @property
    def facts(self) -> dict[str, Any]:
        """What the agent is made of; empty where nobody noted it."""
        found: dict[str, Any] = self.summary.get("made_of", {})
        return found

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the episodes."""
        return tuple(row["seed"] for row in self.rows)

    @property
    def starts(self) -> tuple[tuple[int, str], ...]:
        """Seed and initial state of every episode."""
        return tuple((row["seed"], row["initial_state_hash"]) for row in self.rows)

    @property
    def learnt(self) -> bool:
        """Whether the agent learnt anything: an expert that is told all and chance did not."""
        return bool(self.facts.get("parameters", self.spec.agent not in ("expert", "random")))

    @property
    def tier(self) -> str:
        """One of ``TIERS``; "-" of an agent that learnt nothing."""
        return str(self.summary["tier"]) if self.learnt else "-"

    @property
    def subject(self) -> Subject:
        """What its name follows from."""
        return Subject(self.spec, self.facts, self.seeds, "/".join(self.folder.parts[-2:]))


def named(arms: Sequence[Arm]) -> list[Arm]:
    """The arms with names that tell them apart within this set, in the order to show them."""
    names = naming.names([arm.subject for arm in arms])
    return sorted(
        (
            replace(arm, label=name.label, conditions=name.conditions)
            for arm, name in zip(arms, names, strict=True)
        ),
        key=lambda arm: (*_where(arm), *rank(arm)),
    )


def rank(arm: Arm) -> tuple[Any, ...]:
    """An agent's place among others: by tier, the planner first, what learnt nothing last.

    An agent alone stands before the same one with options.
    """
    spec = arm.spec
    return (
        not arm.learnt,
        _index(arm.summary["tier"], list(TIERS)) if arm.learnt else 0,
        spec.agent != REFERENCE,
        _index(spec.agent, list(AGENTS)),
        len(naming.flat(spec.options)),
        arm.label,
    )


def _where(arm: Arm) -> tuple[Any, ...]:
    """By task, form of goal and the other conditions, the usual variation first."""
    spec = arm.spec
    return (
        _index(spec.task, list(TASKS)),
        spec.task,
        _index(spec.goal, list(GOAL_MODES)),
        spec.variation != USUAL_VARIATION,
        arm.conditions,
    )


def _index(name: str, known: Sequence[str]) -> int:
    return known.index(name) if name in known else len(known)


def load_arms(*places: Path, needed: bool = True) -> list[Arm]:
    """Every run that finished an episode, named and in order.

    Args:
        places: folders with runs or packed runs below them, or files of packed runs.
        needed: whether it is a mistake when there is none.

    Raises:
        UserError: when there is none but one is needed, or a file of one is damaged.
    """
    found = [Arm.of(folder) for folder in _runs_below(places)]
    for path in _archives_below(places):
        found += [
            Arm.made(path / run.name, run.spec, run.rows, {"made_of": run.facts})
            for run in read_archive(path)
        ]
    if not found and needed:
        where = ", ".join(map(str, places))
        raise UserError(
            f"{where} holds no runs: give the folder of an evaluation, sweep or comparison"
        )
    return named(found)


def _runs_below(places: Sequence[Path]) -> list[Path]:
    """Folders of runs that finished an episode."""
    specs = {spec for place in places if place.is_dir() for spec in place.glob("**/spec.json")}
    logs = [spec.with_name(EPISODES) for spec in sorted(specs)]
    return [log.parent for log in logs if log.exists() and log.stat().st_size]


def _archives_below(places: Sequence[Path]) -> list[Path]:
    files = {place for place in places if place.is_file()}
    files |= {path for place in places for path in place.glob(f"**/*{ENDING}")}
    return [path for path in sorted(files) if is_archive(path)]


def groups(arms: Sequence[Arm]) -> list[list[Arm]]:
    """Arms by what must be alike to compare them: task, goal pictures, cameras, ..."""
    found: dict[Hashable, list[Arm]] = {}
    for arm in arms:
        found.setdefault(naming.conditions(arm.spec), []).append(arm)
    return list(found.values())


def usual(arms: Sequence[Arm]) -> list[Arm]:
    """Arms of one variation where there are several: the usual one, or else the first."""
    found = dict.fromkeys(arm.spec.variation for arm in arms)
    kept = USUAL_VARIATION if USUAL_VARIATION in found else next(iter(found), None)
    return [arm for arm in arms if arm.spec.variation == kept]


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same starts.

    Attributes:
        task, conditions: of both.
        first, second: labels.
        keys: of the runs.
        result: of pairing their episodes.
        p_holm: its p-value adjusted for all pairs.
    """

    task: str
    conditions: str
    first: str
    second: str
    keys: tuple[str, str]
    result: Paired
    p_holm: float


def compare_arms(arms: Sequence[Arm]) -> list[Comparison]:
    """The first arm of its conditions against every other one that began alike, seed by seed."""
    pairs: list[tuple[Arm, Arm, Paired]] = []
    for group in groups(arms):
        by_starts: dict[Hashable, list[Arm]] = {}
        for arm in group:
            by_starts.setdefault(arm.starts, []).append(arm)
        for reference, *others in by_starts.values():
            pairs += [(reference, o, pair_rows(reference, o)) for o in others]
    adjusted = holm([result.p_value for _, _, result in pairs])
    return [
        Comparison(
            one.spec.task,
            one.conditions,
            one.label,
            other.label,
            (one.spec.key, other.spec.key),
            result,
            p,
        )
        for (one, other, result), p in zip(pairs, adjusted, strict=True)
    ]


def pair_rows(first: Arm, second: Arm) -> Paired:
    """Pair two arms' episodes.

    Raises:
        ValueError: when their seeds or initial states differ.
    """
    if first.starts != second.starts:
        differing = sorted({seed for seed, _ in set(first.starts) ^ set(second.starts)})
        raise UserError(f"episodes cannot be paired: starts differ at {differing[:5]}")
    return paired([r["success"] for r in first.rows], [r["success"] for r in second.rows])
