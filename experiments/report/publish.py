"""What a finished comparison or sweep leaves for people.

Options and help: ``experiments.options.report``.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from experiments.options.report import ReportConfig
from experiments.report.figures import write_figures
from experiments.report.page import page
from experiments.report.results import write_tables
from experiments.report.tables import as_csv, markdown
from experiments.report.video import render_chosen
from experiments.runs.arms import Arm, compare_arms, load_arms, named, usual
from experiments.runs.drops import drops
from experiments.runs.executors import Executor
from experiments.runs.store import read_json
from worldsim.files import write_atomically


def main(config: ReportConfig) -> None:
    """Write tables, figures and page again from what the runs left."""
    folder = Path(config.folder)
    arms = load_arms(folder)
    last, command, missing = folder / "results.json", f"worldsim report {folder}", []
    if last.exists():
        found = read_json(last, {"command": str, "missing": list})
        command, missing = found["command"], found["missing"]
    print(publish(folder, arms, missing, command))


def publish(
    folder: Path,
    arms: list[Arm],
    missing: list[str],
    command: str,
    artists: Executor | None = None,
) -> str:
    """Write table, figures, videos and page into a folder.

    Args:
        folder: of the comparison or sweep.
        arms: finished runs; where there is none, only the tables are written.
        missing: what could not be run, and why.
        command: that led here.
        artists: who draw new videos; without, those that are there are shown.

    Returns:
        The tables and where the page is, to print.
    """
    arms = named(arms)
    pairs = compare_arms(arms)
    lost = drops(arms)
    table = markdown(arms, pairs, missing, lost)
    write_atomically(folder / "table.md", table + "\n")
    write_atomically(folder / "table.csv", as_csv(arms))
    results = {
        "command": command,
        "summaries": [arm.summary for arm in arms],
        "paired": [asdict(pair) for pair in pairs],
        "drops": [asdict(drop) for drop in lost],
        "missing": missing,
    }
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    if not arms:
        return table
    write_tables(arms, folder)
    write_figures(usual(arms), folder / "figures")
    if artists is not None:
        render_chosen(arms, folder / "videos", artists)
    write_atomically(folder / "index.html", page(arms, pairs, missing, command, folder / "videos"))
    return f"\n{table}\n\nreport: {folder / 'index.html'}"
