"""Figures of a comparison for papers and slides, as PNG and PDF."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.report.palette import colours
from experiments.runs.arms import Arm, groups

COLUMNS = 3
"""Panels beside each other."""

Draw = Callable[[Any, list[Arm], dict[str, str]], None]


def write_figures(arms: Sequence[Arm], folder: Path) -> None:
    """``success`` (rates with intervals) and ``time`` (success against time per action)."""
    folder.mkdir(parents=True, exist_ok=True)
    colour, panels = colours(arms), groups(arms)
    most = max(map(len, panels))
    for name, draw, height in (("success", _success, 0.9 + 0.3 * most), ("time", _time, 2.8)):
        figure = _drawn(panels, draw, colour, height)
        for ending in ("png", "pdf"):
            figure.savefig(folder / f"{name}.{ending}", dpi=150)


def _drawn(panels: list[list[Arm]], draw: Draw, colour: dict[str, str], height: float) -> Figure:
    """A panel for every task and its conditions; one legend for all."""
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    legend = 0.3 + 0.2 * math.ceil(len(colour) / columns)
    size = (1.2 + 3.2 * columns, legend + height * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        draw(axis, panel, colour)
        axis.set_title(f"{panel[0].spec.task}, {panel[0].conditions}", fontsize=9)
        axis.tick_params(labelsize=8)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    marks = [Line2D([], [], color=each, marker="o", linestyle="") for each in colour.values()]
    figure.legend(
        marks, list(colour), loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )
    return figure


def _success(axis: Any, arms: list[Arm], colour: dict[str, str]) -> None:
    """A row an agent; who it is says the legend."""
    for row, arm in enumerate(reversed(arms)):
        _interval(axis, arm, colour[arm.label], x=arm.summary["success_rate"], y=row, along="x")
    axis.set_yticks([])
    axis.set_ylim(-0.7, len(arms) - 0.3)
    axis.set_xlim(-0.03, 1.03)
    axis.set_xlabel("success, 95 % interval", fontsize=8)
    axis.grid(axis="x", alpha=0.3)


def _time(axis: Any, arms: list[Arm], colour: dict[str, str]) -> None:
    """Success against milliseconds per action."""
    for arm in arms:
        seconds = arm.summary["median_seconds_per_action"]
        if seconds:
            rate = arm.summary["success_rate"]
            _interval(axis, arm, colour[arm.label], x=1000 * seconds, y=rate, along="y")
    axis.set_xscale("log")
    axis.set_ylim(-0.03, 1.05)
    axis.set_xlabel("ms per action", fontsize=8)
    axis.set_ylabel("success", fontsize=8)
    axis.grid(alpha=0.3)


def _interval(axis: Any, arm: Arm, colour: str, x: float, y: float, along: str) -> None:
    rate, summary = arm.summary["success_rate"], arm.summary
    error = [[rate - summary["wilson_low"]], [summary["wilson_high"] - rate]]
    bar = {f"{along}err": error, "fmt": "o", "markersize": 5, "capsize": 2, "color": colour}
    axis.errorbar(x, y, **bar)
