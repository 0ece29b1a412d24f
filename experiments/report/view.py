"""What the page shows, as plain numbers and words; the template draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.task import STAGES
from experiments.report.glossary import AGENTS
from experiments.report.palette import colours
from experiments.runs.agent_facts import HEADER as FACTS
from experiments.runs.agent_facts import cells as fact_cells
from experiments.runs.arms import TIERS, Arm, Comparison, groups, rank, usual
from experiments.runs.naming import shared
from experiments.runs.seeds import purpose
from experiments.runs.summaries import REASONS, credit, odd_failures

View = dict[str, Any]
PAIR = ("first", "second")

WIDTH, HEIGHT, LEFT, TOP = 270, 160, 32, 8
"""Of a plot, in its own units; LEFT and TOP are free for the axis."""


def view(arms: Sequence[Arm], pairs: Sequence[Comparison]) -> View:
    """Everything but videos, variations and provenance.

    Args:
        arms: named, in order.
        pairs: of them.
    """
    ordered = sorted(arms, key=rank)
    colour = colours(arms)
    shown = usual(arms)
    panels = groups(shown)
    return {
        "agents": _agents(ordered, colour),
        "groups": [{"title": title(group), "task": group[0].spec.task} for group in panels],
        "tiers": _matrix(ordered, panels, colour),
        "pairs": _pairs(pairs, panels, {arm.label: colour[arm.label] for arm in ordered}),
        "times": [_times(group, colour) for group in panels],
        "steps": [_steps(group, colour) for group in panels],
        "funnels": [_funnel(group, colour) for group in panels],
        "starts": [_starts(group, colour) for group in groups(arms)],
        "odd": [
            f"{arm.spec.task} ({arm.conditions}), {arm.label}: {clause}"
            for arm in arms
            for clause in odd_failures(arm.summary)
        ],
        "credit": any(credit(arm.summary) is not None for arm in shown),
        "facts": _facts(arms, colour),
        "fact_names": ("agent", "tasks", *FACTS[2:]),
        "shared": shared([arm.subject for arm in arms]),
        "purposes": sorted({purpose(arm.seeds) for arm in arms}),
        "goals": sorted({arm.spec.goal for arm in arms}),
        "episodes": sum(arm.summary["n"] for arm in arms),
        "runs": len(arms),
        "left_out": len(arms) - len(shown),
    }


def title(group: Sequence[Arm]) -> str:
    """Task and conditions of arms that are compared."""
    return f"{group[0].spec.task}, {group[0].conditions}"


def _agents(arms: Sequence[Arm], colour: dict[str, str]) -> list[View]:
    found: dict[str, View] = {}
    for arm in arms:
        found.setdefault(arm.label, {"label": arm.label, "colour": colour[arm.label]})
    return list(found.values())


def _facts(arms: Sequence[Arm], colour: dict[str, str]) -> list[tuple[Any, ...]]:
    """What agents are made of, tasks with equal facts together."""
    tasks: dict[tuple[str, ...], dict[str, None]] = {}
    for arm in sorted((arm for arm in arms if arm.facts), key=rank):
        task, *facts = fact_cells(arm.label, arm.tier, arm.summary)
        tasks.setdefault((arm.spec.agent, *facts), {})[task] = None
    return [
        (
            {"label": label, "colour": colour[label], "what": AGENTS.get(agent, "")},
            *(", ".join(found), *rest),
        )
        for (agent, label, *rest), found in tasks.items()
    ]


def _matrix(
    ordered: Sequence[Arm], panels: Sequence[Sequence[Arm]], colour: dict[str, str]
) -> list[View]:
    """Rows by tier: an agent, and for every panel how it did."""
    names = TIERS | {"-": "nothing learnt: a script that is told all, and chance"}
    rows: dict[str, View] = {}
    for arm in ordered:
        start = {"label": arm.label, "colour": colour[arm.label], "tier": arm.tier}
        rows.setdefault(arm.label, start | {"cells": [None] * len(panels)})
    for column, panel in enumerate(panels):
        for arm in panel:
            rows[arm.label]["cells"][column] = rate(arm)
    inside = {tier: [row for row in rows.values() if row["tier"] == tier] for tier in names}
    return [
        {"tier": tier, "meaning": names[tier], "rows": found}
        for tier, found in inside.items()
        if found
    ]


def rate(arm: Arm) -> View:
    """How an arm did, for a cell."""
    s = arm.summary
    seconds = s["median_seconds_per_action"]
    return {
        **{name: s[name] for name in ("successes", "n")},
        **{"rate": s["success_rate"], "low": s["wilson_low"], "high": s["wilson_high"]},
        "credit": credit(s),
        "steps": s["median_steps_to_success"],
        "ms": None if seconds is None else 1000 * seconds,
    }


def _pairs(
    pairs: Sequence[Comparison], panels: Sequence[Sequence[Arm]], colour: dict[str, str]
) -> View:
    """A row a comparison, a column a panel; ``most`` is the largest difference of all bounds.

    Rows stand in the order of the agents, which is that of ``colour``.
    """
    columns = {(p[0].spec.task, p[0].conditions): index for index, p in enumerate(panels)}
    rows: dict[tuple[str, str], View] = {}
    for pair in pairs:
        where = (pair.task, pair.conditions)
        if where not in columns:
            continue
        start = {"first": pair.first, "second": pair.second, "cells": [None] * len(panels)}
        row = rows.setdefault((pair.first, pair.second), start)
        row["colours"] = (colour[pair.first], colour[pair.second])
        row["cells"][columns[where]] = {
            **{name: getattr(pair.result, name) for name in ("difference", "low", "high")},
            **{name: getattr(pair.result, name) for name in ("both", "first_only", "second_only")},
            **{"neither": pair.result.neither, "p": pair.p_holm},
        }
    found = [cell for row in rows.values() for cell in row["cells"] if cell]
    most = max((abs(cell[end]) for cell in found for end in ("low", "high")), default=1.0)
    order = list(colour)
    ordered = sorted(rows.values(), key=lambda row: [order.index(row[n]) for n in PAIR])
    return {"rows": ordered, "most": math.ceil(10 * most) / 10}


def _times(group: Sequence[Arm], colour: dict[str, str]) -> View:
    """Points of success against milliseconds per action, the latter on a logarithmic scale."""
    timed = [arm for arm in group if arm.summary["median_seconds_per_action"]]
    if not timed:
        return {"title": title(group), "points": [], "ticks": []}
    ms = [1000 * arm.summary["median_seconds_per_action"] for arm in timed]
    low = math.floor(math.log10(min(ms)))
    high = max(low + 1, math.ceil(math.log10(max(ms))))

    def x(value: float) -> float:
        return round(LEFT + 8 + (WIDTH - LEFT - 24) * (math.log10(value) - low) / (high - low), 1)

    points = []
    for arm, each in sorted(zip(timed, ms, strict=True), key=lambda pair: pair[1]):
        s = arm.summary
        points.append(
            {"label": arm.label, "colour": colour[arm.label], "ms": each, "x": x(each)}
            | {"y": _y(s["success_rate"]), "low": _y(s["wilson_low"]), "high": _y(s["wilson_high"])}
        )
    _number(points)
    every = 1 + (high - low) // 5
    powers = range(low, high + 1, every)
    ticks = [{"x": x(10.0**power), "text": f"{10.0**power:g}"} for power in powers]
    return {"title": title(group), "points": points, "ticks": ticks}


def _number(points: list[View], apart: float = 11.0) -> None:
    """Numbers beside the points, moved down or up until none covers another."""
    placed: list[View] = []
    for number, point in enumerate(points, start=1):
        near = [other["text_y"] for other in placed if abs(other["x"] - point["x"]) < 16]
        places = [point["y"] + 4 + apart * step for step in sorted(range(-12, 13), key=abs)]
        inside = [y for y in places if TOP + 8 <= y <= HEIGHT - 24]
        free = [y for y in inside if all(abs(y - other) >= apart for other in near)]
        point |= {"number": number, "text_y": round((free or inside)[0], 1)}
        placed.append(point)


def _steps(group: Sequence[Arm], colour: dict[str, str]) -> View:
    """Share of episodes solved within so many control steps, as stairs."""
    most = max(max((row["steps"] for row in arm.rows), default=1) for arm in group) or 1

    def x(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 8) * step / most, 1)

    curves: list[View] = []
    for arm in group:
        solved = np.array([row["steps"] for row in arm.rows if row["success"]])
        shares = [float((solved <= step).sum()) / len(arm.rows) for step in range(most + 1)]
        corners = [f"{x(0)},{_y(shares[0])}"]
        for step in range(1, most + 1):
            corners += [f"{x(step)},{_y(shares[step - 1])}", f"{x(step)},{_y(shares[step])}"]
        width = max(1.4, 4.5 - 0.6 * len(curves))  # a curve that hides another lets it be seen
        curves.append(
            {"label": arm.label, "colour": colour[arm.label], "path": " ".join(corners)}
            | {"width": round(width, 1)}
        )
    _dash_alike(curves)
    ticks = [
        {"x": x(step), "text": str(step)} for step in range(0, most + 1, 5 if most <= 40 else 20)
    ]
    return {"title": title(group), "curves": curves, "ticks": ticks}


def _dash_alike(curves: list[View], dash: int = 7) -> None:
    """Give equal curves dashes that leave a part of each to be seen, all others whole lines."""
    for curve in curves:
        alike = [other for other in curves if other["path"] == curve["path"]]
        place = alike.index(curve)
        curve["dashes"] = f"{dash * (len(alike) - place)} {dash * place}" if place else "none"
        curve["width"] = alike[0]["width"]


def _y(share: float) -> float:
    return round(HEIGHT - 22 - (HEIGHT - 22 - TOP) * share, 1)


def _funnel(group: Sequence[Arm], colour: dict[str, str]) -> View:
    """Share of episodes that came at least so far, for the stages that any came to."""
    rows = []
    for arm in group:
        counts = [arm.summary["stages"].get(stage, 0) for stage in STAGES]
        shares = [sum(counts[index:]) / arm.summary["n"] for index in range(1, len(STAGES))]
        row = {"label": arm.label, "colour": colour[arm.label], "shares": shares}
        rows.append(row | {"solved": arm.summary["success_rate"]})
    used = [i for i in range(len(STAGES) - 1) if any(row["shares"][i] for row in rows)]
    for row in rows:
        row["shares"] = [row["shares"][index] for index in used]
    return {"title": title(group), "stages": [STAGES[i + 1] for i in used], "rows": rows}


def _starts(group: Sequence[Arm], colour: dict[str, str]) -> View:
    """Who solved which start: for each agent seed -> "" or why not."""
    seeds = sorted({row["seed"] for arm in group for row in arm.rows})
    agents = []
    for arm in group:
        found = {row["seed"]: _why(row) for row in arm.rows}
        agents.append(
            {"label": arm.label, "colour": colour[arm.label], "learnt": arm.learnt}
            | {"failures": [found.get(seed) for seed in seeds]}
        )
    return {"title": title(group), "seeds": seeds, "agents": agents}


def _why(row: dict[str, Any]) -> str:
    if row["success"]:
        return ""
    return f"{REASONS.get(row['failure'], row['failure'])}, came to: {row['stage']}"
