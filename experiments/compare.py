"""Every agent on every task on identical seeds: one table, paired tests, videos, one page.

    worldsim compare                                   a handful of demo seeds
    worldsim compare --seeds 200000:200200 --out runs/full

Every pixel agent is given the same goal pictures. Rows are paired only where the initial-state
hashes agree, seed by seed. The same command on the same folder goes on where it stopped.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envs
from agents.base import AGENTS
from envs.spec import check_choice
from experiments.agent_facts import HEADER as FACTS
from experiments.agent_facts import cells as fact_cells
from experiments.evaluate import evaluate
from experiments.seeds import parse_seeds
from experiments.statistics import Paired, holm, paired
from experiments.store import RunSpec, RunStore, write_atomically

REFERENCE = "world-model"
DEFAULT_AGENTS = "world-model,servo,sac-her,expert,random"


@dataclass(frozen=True)
class CompareConfig:
    """Options of ``worldsim compare``.

    Attributes:
        agents: comma list.
        tasks: comma list.
        seeds: first:end (end excluded) or a comma list.
        out: folder for results, page and videos.
        goal: subgoals, dense or final.
        cameras: comma list of left, right, wrist.
        threads: of the numerical libraries.
        workers: processes.
        videos: draw one success and one failure per agent and task.
    """

    agents: str = DEFAULT_AGENTS
    tasks: str = "reach,grasp,pick-place"
    seeds: str = "190000:190006"
    out: str = "runs/compare"
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    threads: int = 2
    workers: int = 1
    videos: bool = True


@dataclass(frozen=True)
class Arm:
    """One finished run: its store, its summary and its rows on the compared seeds."""

    store: RunStore
    summary: dict[str, Any]
    rows: list[dict[str, Any]]


def main(config: CompareConfig) -> None:
    """Run what is missing, print the tables, write page and videos."""
    seeds = parse_seeds(config.seeds)
    agents, tasks = config.agents.split(","), config.tasks.split(",")
    for agent in agents:
        check_choice("agent", agent, tuple(AGENTS))
    for task in tasks:
        check_choice("task", task, tuple(envs.TASKS))
    folder = Path(config.out)
    arms, missing = run_arms(config, agents, tasks, seeds, folder)
    comparisons = compare_arms(arms)
    table = markdown(arms, comparisons, missing)
    print("\n" + table)
    write_atomically(folder / "table.md", table + "\n")
    write_atomically(folder / "table.csv", csv(arms))
    results = {
        "command": "worldsim " + " ".join(sys.argv[1:]),
        "summaries": [arm.summary for arm in arms],
        "paired": [{"task": t, "other": o, **vars(p)} for t, o, p in comparisons],
        "missing": missing,
    }
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    if config.videos:
        from experiments.video import render_arms

        render_arms([(arm.store, arm.rows) for arm in arms], folder / "videos")
    from experiments.report import write_report

    print(f"\nreport: {write_report(folder)}")


def run_arms(
    config: CompareConfig, agents: list[str], tasks: list[str], seeds: tuple[int, ...], folder: Path
) -> tuple[list[Arm], list[str]]:
    """Evaluate every agent on every task; what cannot be made is said, not dropped in silence."""
    arms, missing = [], []
    for task in tasks:
        for agent in agents:
            spec = RunSpec(
                agent, task, config.goal, tuple(config.cameras.split(",")), threads=config.threads
            )
            place = folder / "runs" / f"{task}_{agent}"
            try:
                summary = evaluate(spec, seeds, place, config.workers)
            except ValueError as error:
                if not str(error).startswith("no "):
                    raise
                missing.append(f"{agent} on {task}: {error}")
                continue
            store = RunStore(place, spec)
            wanted = set(seeds)
            arms.append(Arm(store, summary, [r for r in store.rows() if r["seed"] in wanted]))
    return arms, missing


def compare_arms(arms: list[Arm]) -> list[tuple[str, str, Paired]]:
    """The reference agent against every other, task by task."""
    found = []
    for arm in arms:
        spec = arm.store.spec
        if spec.agent == REFERENCE:
            others = [a for a in arms if a.store.spec.task == spec.task and a is not arm]
            found += [(spec.task, o.store.spec.agent, pair_rows(arm.rows, o.rows)) for o in others]
    return found


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


HEADER = ("task", "agent", "tier", "success", "95 % interval", "steps", "ms per action")


def cells(summary: dict[str, Any]) -> tuple[str, ...]:
    """One row of the table as text."""
    steps, seconds = summary["median_steps_to_success"], summary["median_seconds_per_action"]
    return (
        summary["task"],
        summary["agent"],
        summary["tier"],
        f"{summary['successes']}/{summary['n']} = {summary['success_rate']:.0%}",
        f"{summary['wilson_low']:.0%} to {summary['wilson_high']:.0%}",
        "-" if steps is None else f"{steps:.0f}",
        "-" if seconds is None else f"{1000 * seconds:.1f}",
    )


def markdown(
    arms: list[Arm], comparisons: list[tuple[str, str, Paired]], missing: list[str]
) -> str:
    """Results and paired tests as Markdown tables."""
    lines = [_line(HEADER), _line(["---"] * len(HEADER))]
    lines += [_line(cells(arm.summary)) for arm in arms]
    lines += [
        "",
        "Tiers: A privileged state, B image goal with online RL, C image goal with offline data "
        "(random stands in C); they are not one ranking.",
        "",
        _line(FACTS),
        _line(["---"] * len(FACTS)),
    ]
    lines += [_line(fact_cells(arm.summary)) for arm in arms]
    if comparisons:
        adjusted = holm([p.p_value for _, _, p in comparisons])
        lines += [
            "",
            _line(
                (
                    "task",
                    f"{REFERENCE} minus",
                    "difference",
                    "95 % interval",
                    "both / only it / only other / neither",
                    "McNemar p (Holm)",
                )
            ),
        ]
        lines.append(_line(["---"] * 6))
        for (task, other, p), q in zip(comparisons, adjusted, strict=True):
            interval = f"{p.low:+.0%} to {p.high:+.0%}"
            counts = f"{p.both} / {p.first_only} / {p.second_only} / {p.neither}"
            lines.append(_line((task, other, f"{p.difference:+.0%}", interval, counts, f"{q:.3g}")))
    lines += [f"\nNot run: {text}" for text in missing]
    return "\n".join(lines)


def csv(arms: list[Arm]) -> str:
    """The result table as CSV."""
    keys = (
        "task",
        "agent",
        "tier",
        "goal",
        "n",
        "successes",
        "success_rate",
        "wilson_low",
        "wilson_high",
        "median_steps_to_success",
        "median_seconds_per_action",
    )
    rows = [",".join(keys)]
    rows += [",".join(str(arm.summary[key]) for key in keys) for arm in arms]
    return "\n".join(rows) + "\n"


def _line(texts: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(texts) + " |"
