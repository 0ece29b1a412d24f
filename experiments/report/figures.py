"""Figures of a comparison for papers and slides, as PNG and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.runs.arms import Arm, groups


def write_figures(arms: list[Arm], folder: Path) -> None:
    """``success`` (rates with intervals) and ``time`` (success against time per action)."""
    folder.mkdir(parents=True, exist_ok=True)
    panels = groups(arms)
    for name, draw in (("success", _success), ("time", _time)):
        rows = max(map(len, panels))
        height = 1.2 + (0.35 * rows if name == "success" else max(2.4, 0.2 * rows))
        width = 4.2 if name == "success" else 6.4  # with room for the names beside it
        figure = Figure(figsize=(width * len(panels), height), layout="tight")
        axes = figure.subplots(1, len(panels), squeeze=False)
        for axis, panel in zip(axes[0], panels, strict=True):
            draw(axis, panel)
            axis.set_title(f"{panel[0].spec.task} ({panel[0].conditions})")
        for ending in ("png", "pdf"):
            figure.savefig(folder / f"{name}.{ending}", dpi=150)


def _success(axis: Any, arms: list[Arm]) -> None:
    for row, arm in enumerate(reversed(arms)):
        _interval(axis, arm, x=arm.summary["success_rate"], y=row, along="x")
    axis.set_yticks(range(len(arms)), [arm.label for arm in reversed(arms)])
    axis.set_xlim(-0.02, 1.02)
    axis.set_xlabel("success, 95 % interval")


def _time(axis: Any, arms: list[Arm]) -> None:
    timed = [arm for arm in arms if arm.summary["median_seconds_per_action"]]
    for arm in sorted(timed, key=lambda arm: float(arm.summary["median_seconds_per_action"])):
        seconds = arm.summary["median_seconds_per_action"]
        _interval(axis, arm, x=1000 * seconds, y=arm.summary["success_rate"], along="y")
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    axis.set_xscale("log")
    axis.set_ylim(-0.02, 1.05)
    axis.set_xlabel("ms per action")
    axis.set_ylabel("success")


def _interval(axis: Any, arm: Arm, x: float, y: float, along: str) -> None:
    rate, summary = arm.summary["success_rate"], arm.summary
    error = [[rate - summary["wilson_low"]], [summary["wilson_high"] - rate]]
    bar = {f"{along}err": error, "fmt": "o", "markersize": 4, "capsize": 2}
    axis.errorbar(x, y, label=arm.label, **bar)
