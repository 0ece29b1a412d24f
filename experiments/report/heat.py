"""Success by variation as the page shows it: a row a factor, an agent's strengths side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.report.palette import colours
from experiments.report.view import View, rate
from experiments.runs.arms import Arm
from experiments.runs.drops import Drop

Films = Mapping[tuple[str, str], str]
"""Run key and outcome -> where a video of it lies, as the page links to it."""


def heat(arms: Sequence[Arm], drops: Sequence[Drop], films: Films) -> list[View]:
    """Tables of variations by agents, one for each task, where there are several variations.

    A variation whose name ends in a strength (``held-out:light:2``) stands in the row of those that
    differ in nothing else; its cell is one of an agent's ``strengths``.

    Args:
        arms: named, in order.
        drops: of them.
        films: videos.
    """
    if len({arm.spec.variation for arm in arms}) < 2:
        return []
    lost = {drop.key: drop for drop in drops}
    tables: dict[Any, list[Arm]] = {}
    for arm in arms:
        spec = arm.spec
        tables.setdefault((spec.task, spec.goal, spec.cameras, spec.image_size), []).append(arm)
    return [_table(found, colours(arms), lost, films) for found in tables.values()]


def _table(
    arms: Sequence[Arm], colour: Mapping[str, str], lost: Mapping[str, Drop], films: Films
) -> View:
    first = arms[0]
    labels = [label for label in colour if label in {arm.label for arm in arms}]
    strengths = sorted({strength for arm in arms if (strength := _split(arm)[1])}) or [""]
    rows: dict[tuple[str, bool], View] = {}
    for arm in arms:
        name, strength = _split(arm)
        slots = len(strengths) if strength else 1
        start = {"name": name, "cells": [[None] * slots for _ in labels]}
        row = rows.setdefault((name, bool(strength)), start)
        place = strengths.index(strength) if strength else 0
        row["cells"][labels.index(arm.label)][place] = _cell(arm, lost.get(arm.spec.key), films)
    others = ", ".join(part for part in first.conditions.split(", ") if "variation" not in part)
    return {
        "title": f"{first.spec.task}, {others}",
        "agents": [{"label": label, "colour": colour[label]} for label in labels],
        "strengths": strengths,
        "rows": list(rows.values()),
        "lost": _lost(arms, labels, lost),
    }


def _split(arm: Arm) -> tuple[str, str]:
    """A variation's name without its strength, and the strength, if it has one."""
    name, _, last = arm.spec.variation.rpartition(":")
    return (name, last) if last.isdecimal() else (arm.spec.variation, "")


def _cell(arm: Arm, drop: Drop | None, films: Films) -> View:
    shown = {outcome: films.get((arm.spec.key, outcome)) for outcome in ("success", "failure")}
    return rate(arm) | {"drop": drop and drop.result, "films": shown}


def _lost(arms: Sequence[Arm], labels: Sequence[str], lost: Mapping[str, Drop]) -> list[View]:
    """A row a variation: what each agent lost there."""
    rows: dict[str, View] = {}
    for arm in arms:
        if arm.spec.key in lost:
            start = {"name": arm.spec.variation, "cells": [None] * len(labels)}
            row = rows.setdefault(arm.spec.variation, start)
            row["cells"][labels.index(arm.label)] = lost[arm.spec.key].result
    return list(rows.values())
