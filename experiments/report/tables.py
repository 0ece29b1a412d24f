"""Results as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from experiments.runs.agent_facts import HEADER as FACTS
from experiments.runs.agent_facts import cells as fact_cells
from experiments.runs.arms import TIERS, Arm, Comparison
from experiments.runs.drops import Drop
from experiments.runs.naming import shared
from experiments.runs.summaries import credit, odd_failures

HEADER = (
    "task",
    "conditions",
    "agent",
    "tier",
    "success",
    "95 % interval",
    "steps",
    "ms per action",
)
PAIRED_HEADER = (
    *("task", "conditions", "first", "second", "difference", "95 % interval"),
    *("both / only first / only second / neither", "McNemar p (Holm)"),
)
DROPS_HEADER = (
    *("task", "conditions", "agent", "lost", "95 % interval"),
    "both / only plain / only here / neither",
)
CSV_KEYS = (
    *("task", "conditions", "label", "tier", "n", "successes", "success_rate", "wilson_low"),
    *(
        "wilson_high",
        "mean_credit",
        "median_steps_to_success",
        "median_seconds_per_action",
        "run_key",
    ),
)


def cells(arm: Arm) -> tuple[str, ...]:
    """One row of the result table as text."""
    summary = arm.summary
    steps, seconds = summary["median_steps_to_success"], summary["median_seconds_per_action"]
    part = credit(summary)
    return (
        arm.spec.task,
        arm.conditions,
        arm.label,
        arm.tier,
        f"{summary['successes']}/{summary['n']} = {summary['success_rate']:.0%}"
        + ("" if part is None else f", credit {part:.0%}"),
        f"{summary['wilson_low']:.0%} to {summary['wilson_high']:.0%}",
        "-" if steps is None else f"{steps:.0f}",
        "-" if seconds is None else f"{1000 * seconds:.1f}",
    )


def paired_cells(pair: Comparison) -> tuple[str, ...]:
    """One row of the table of pairs as text."""
    p = pair.result
    return (
        *(pair.task, pair.conditions, pair.first, pair.second),
        f"{p.difference:+.0%}",
        f"{p.low:+.0%} to {p.high:+.0%}",
        f"{p.both} / {p.first_only} / {p.second_only} / {p.neither}",
        f"{pair.p_holm:.3g}",
    )


def drop_cells(drop: Drop) -> tuple[str, ...]:
    """One row of the table of drops as text."""
    p = drop.result
    return (
        *(drop.task, drop.conditions, drop.label),
        *(f"{p.difference:+.0%}", f"{p.low:+.0%} to {p.high:+.0%}"),
        f"{p.both} / {p.first_only} / {p.second_only} / {p.neither}",
    )


def markdown(arms: list[Arm], pairs: list[Comparison], missing: list[str], lost: list[Drop]) -> str:
    """Results, what agents took to make, paired tests and drops as Markdown tables."""
    blocks = [
        table(HEADER, [cells(arm) for arm in arms]),
        *([f"All runs: {'; '.join(shared([arm.subject for arm in arms]))}."] if arms else []),
        "Tiers: " + ", ".join(f"{tier} {meaning}" for tier, meaning in TIERS.items()) + "; they "
        "are not one ranking. Agents that learnt nothing (expert, random) stand beside them.",
    ]
    blocks += [
        f"{arm.spec.task} ({arm.conditions}), {arm.label}: {clause}."
        for arm in arms
        for clause in odd_failures(arm.summary)
    ]
    known = [fact_cells(arm.label, arm.tier, arm.summary) for arm in arms if arm.facts]
    if known:
        blocks.append(table(FACTS, known))
    if pairs:
        blocks.append(table(PAIRED_HEADER, [paired_cells(pair) for pair in pairs]))
    if lost:
        blocks.append("Lost against the plain scene, on the same seeds:")
        blocks.append(table(DROPS_HEADER, [drop_cells(drop) for drop in lost]))
    return "\n\n".join([*blocks, *(f"Not run: {text}" for text in missing)])


def as_csv(arms: list[Arm]) -> str:
    """The result table as CSV."""
    rows: list[dict[str, Any]] = [
        arm.summary | {"label": arm.label, "conditions": arm.conditions} for arm in arms
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_KEYS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that does not end its cell, whatever it says."""
    return " ".join(text.split()).replace("|", "\\|")
