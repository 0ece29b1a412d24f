"""Run a sweep: every agent, setting, task and goal of a YAML file on the same seeds.

    worldsim sweep sweeps/planners.yaml --dry-run
    worldsim sweep sweeps/planners.yaml --workers 2
    worldsim sweep sweeps/planners.yaml --executor slurm --workers 50 --slurm slurm_partition=cpu

Kill it at any moment and run it again: what is finished is kept. Results, tables, figures, videos
and the page lie in the folder; docs/results.md says what is in them. The file's keys are:
agents, tasks, goals, seeds, cameras, variation, threads (see sweeps/ for examples).
"""

from __future__ import annotations

import fcntl
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from tqdm import tqdm
from tyro.conf import Positional

from experiments.report.publish import publish
from experiments.runs.arms import Arm
from experiments.runs.driver import complete
from experiments.runs.executors import make_executor
from experiments.runs.runner import runner
from experiments.runs.specs import label
from experiments.runs.store import RunSpec, RunStore, read_rows, write_atomically
from experiments.runs.sweep_file import Plan, read_plan
from experiments.runs.trackers import make_tracker

PROBE_STEPS = 3


@dataclass(frozen=True)
class SweepConfig:
    """Options of ``worldsim sweep``.

    Attributes:
        file: YAML.
        out: folder for the results; default: runs/ and the file's name.
        set: KEY=VALUE in place of the file's, as in ``tasks=[reach]``.
        executor: local (processes of this machine), process (this one), ray or slurm.
        workers: episodes at a time.
        address: of a running Ray cluster; otherwise one is started here.
        slurm: submitit's parameters, as slurm_partition=cpu timeout_min=60.
        dry_run: print what would run, and how long it would take by measured rates.
        force: allow training and development seeds.
        videos: draw videos for the page.
        tracker: none, tensorboard or wandb: where success goes besides the folder.
    """

    file: Positional[str]
    out: str | None = None
    set: tuple[str, ...] = ()
    executor: Literal["local", "process", "ray", "slurm"] = "local"
    workers: int = 1
    address: str | None = None
    slurm: tuple[str, ...] = ()
    dry_run: bool = False
    force: bool = False
    videos: bool = True
    tracker: Literal["none", "tensorboard", "wandb"] = "none"


def main(config: SweepConfig) -> None:
    """Check everything, run what is missing, publish.

    Raises:
        ValueError: for a mistake in the file or the options, before anything runs.
        RuntimeError: when some runs could not be completed; the others are published.
    """
    plan = read_plan(Path(config.file), config.set, config.force)
    folder = Path(config.out or f"runs/{Path(config.file).stem}")
    executor = make_executor(
        config.executor,
        config.workers,
        max(spec.threads for spec in plan.specs),
        folder,
        config.address,
        {k: yaml.safe_load(v) for k, _, v in (text.partition("=") for text in config.slurm)},
    )
    check_folder(folder, plan)
    facts = {spec.key: {"made_of": runner(spec).made_of} for spec in tqdm(plan.specs, "agents")}
    if config.dry_run:
        print(describe(plan, folder, config.workers))
        return
    with claimed(folder, plan):
        runs = {place(folder, spec): spec for spec in plan.specs}
        tracker = make_tracker(config.tracker, folder)
        errors = complete(runs, plan.seeds, executor, Path(config.file).stem)
        arms = []
        for where, spec in runs.items():
            if read_rows(where):
                summary = RunStore(where, spec).summarise(plan.seeds, facts[spec.key])
                arms.append(Arm.of(where, plan.seeds, summary))
                tracker.log(f"{spec.task}/{spec.goal}/{label(spec)}", summary)
        missing = [f"{label(runs[w])} on {runs[w].task}: {why}" for w, why in errors.items()]
        command = "worldsim " + " ".join(sys.argv[1:])
        print(publish(folder, arms, missing, command, videos=config.videos))
    if missing:
        raise RuntimeError("not completed: " + "; ".join(missing))


def place(folder: Path, spec: RunSpec) -> Path:
    """A run's folder: readable, and its own."""
    words = re.sub(r"[^A-Za-z0-9.=-]+", "-", f"{spec.task}_{spec.goal}_{label(spec)}")
    return folder / "runs" / f"{words[:80]}_{spec.key[:8]}"


def check_folder(folder: Path, plan: Plan) -> None:
    """Refuse a folder that holds something else than this sweep or a part of it.

    Raises:
        ValueError: naming what it holds.
    """
    path = folder / "sweep.json"
    keys = {spec.key for spec in plan.specs}
    if path.exists():
        found = json.loads(path.read_text())
        if not set(found["runs"]) <= keys or not set(found["seeds"]) <= set(plan.seeds):
            raise ValueError(
                f"{folder} holds another sweep, of {len(found['runs'])} runs on "
                f"{len(found['seeds'])} seeds, which is no part of this one: choose another --out"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds something else than a sweep: choose another --out")


@contextmanager
def claimed(folder: Path, plan: Plan) -> Iterator[None]:
    """Hold a sweep's folder, and write down what runs there.

    Raises:
        ValueError: when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another sweep is at work there") from error
        note = {"runs": [spec.key for spec in plan.specs], "seeds": plan.seeds}
        write_atomically(folder / "sweep.json", json.dumps(note) + "\n")
        yield


def describe(plan: Plan, folder: Path, workers: int) -> str:
    """What would run, with the time it would take at most by measured rates."""
    lines, total = [], 0.0
    for spec in plan.specs:
        rows = [row for row in _rows(folder, spec) if row["seed"] in set(plan.seeds)]
        each, todo = seconds_per_episode(spec, rows), len(plan.seeds) - len(rows)
        total += each * todo
        what = f"{spec.task:11} {spec.goal:9} {label(spec):40}"
        lines.append(f"{what} {todo:6} of {len(plan.seeds)} episodes, {each:6.2f} s each")
    minutes = total / workers / 60
    return "\n".join(
        [*lines, f"{len(plan.specs)} runs, about {minutes:.1f} minutes with {workers} workers"]
    )


def _rows(folder: Path, spec: RunSpec) -> list[dict[str, Any]]:
    return read_rows(place(folder, spec))


def seconds_per_episode(spec: RunSpec, rows: list[dict[str, Any]]) -> float:
    """Median of finished episodes; before there are any, a few timed steps times the budget."""
    known = [row["seconds"] for row in rows if "seconds" in row]
    if known:
        return float(np.median(known))
    ready = runner(spec)
    ready.probe(1)  # the first one compiles, and makes the goal pictures
    start = time.perf_counter()
    ready.probe(PROBE_STEPS)
    return (time.perf_counter() - start) * ready.budget / PROBE_STEPS
