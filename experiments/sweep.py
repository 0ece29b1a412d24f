"""Every agent, setting, task and goal of a YAML file on the same seeds.

Options and help: ``experiments.options.sweep``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from envs.errors import UserError
from experiments.options.sweep import SweepConfig
from experiments.report.publish import publish
from experiments.runs.campaign import (
    all_prepared,
    carry_out,
    check_distinct,
    check_folder,
    claimed,
    place,
)
from experiments.runs.choices import label, output_folder
from experiments.runs.executors import make_executor
from experiments.runs.runner import runner
from experiments.runs.spec import USUAL_VARIATION, RunSpec
from experiments.runs.store import read_rows
from experiments.runs.sweep_file import read_plan
from experiments.runs.trackers import log_summaries
from experiments.yaml_file import parse_yaml
from worldsim.tracking import check_tracker, open_tracker

PROBE_STEPS = 3


def main(config: SweepConfig) -> None:
    """Check everything, run what is missing, publish.

    Raises:
        UserError: for a mistake in the file or the options, before anything runs; and when some
            runs could not be completed: the others are published.
    """
    check_tracker(config.tracker)
    plan = read_plan(Path(config.file), config.set, config.force)
    default = f"runs/{Path(config.file).stem}"
    folder = output_folder(default if config.out is None else config.out)
    executor = make_executor(
        config.executor,
        config.workers,
        max(spec.threads for spec in plan.specs),
        folder,
        config.address,
        _parameters(config.slurm),
    )
    runs = all_prepared(tqdm(plan.specs, "agents"), folder)
    check_distinct(runs)
    check_folder(folder, runs, plan.seeds)
    if config.dry_run:
        print(describe([run.spec for run in runs], plan.seeds, folder, config.workers))
        return
    with claimed(folder, runs, plan.seeds):
        tracker = open_tracker(config.tracker, folder, folder.name, {"seeds": list(plan.seeds)})
        arms, missing = carry_out(folder, runs, plan.seeds, executor, Path(config.file).stem)
        log_summaries(
            tracker,
            ((_tracked(arm.spec), arm.summary) for arm in arms),
        )
        command = "worldsim " + " ".join(sys.argv[1:])
        here = config.workers if config.executor == "local" else 1
        artists = make_executor("local", here, 1, folder) if config.videos else None
        print(publish(folder, arms, missing, command, artists))
    if missing:
        raise UserError("not completed: " + "; ".join(missing))


def _parameters(texts: Sequence[str]) -> dict[str, Any]:
    """Submitit's, of ``NAME=VALUE``."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UserError(f"--slurm {text!r}: NAME=VALUE is needed, as in slurm_partition=cpu")
        found[name] = parse_yaml(value, f"--slurm {text!r}")
    return found


def _tracked(spec: RunSpec) -> str:
    """What a run is called among a tracker's curves."""
    scene = () if spec.variation == USUAL_VARIATION else (spec.variation,)
    return "/".join((spec.task, spec.goal, *scene, label(spec)))


def describe(specs: Sequence[RunSpec], seeds: tuple[int, ...], folder: Path, workers: int) -> str:
    """What would run, with the time it would take at most by measured rates."""
    lines, total = [], 0.0
    probed: dict[str, float] = {}  # by run in the usual scene: one is timed for all its variations
    for spec in specs:
        rows = [row for row in read_rows(place(folder, spec)) if row["seed"] in set(seeds)]
        known = [row["seconds"] for row in rows if "seconds" in row]
        alike = spec.plain
        if not known and alike.key not in probed:
            probed[alike.key] = probed_seconds(alike)
        each = float(np.median(known)) if known else probed[alike.key]
        todo = len(seeds) - len(rows)
        total += each * todo
        what = f"{spec.task:11} {spec.goal:9} {spec.variation:21} {label(spec):40}"
        lines.append(f"{what} {todo:6} of {len(seeds)} episodes, {each:6.2f} s each")
    minutes = total / workers / 60
    return "\n".join(
        [*lines, f"{len(specs)} runs, about {minutes:,.1f} minutes with {workers} workers"]
    )


def probed_seconds(spec: RunSpec) -> float:
    """An episode's seconds at most: a few timed steps times the budget."""
    ready = runner(spec)
    ready.probe(1)  # the first one compiles, and makes the goal pictures
    start = time.perf_counter()
    ready.probe(PROBE_STEPS)
    return (time.perf_counter() - start) * ready.budget / PROBE_STEPS
