"""What workers, scheduling and big results take (options: ``experiments.options.bench_sweep``)."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from envs.errors import UserError
from envs.goals import make_goals
from experiments.bench.results import check_results, show
from experiments.options.bench_sweep import BenchSweepConfig
from experiments.report.publish import publish
from experiments.runs.arms import load_arms
from experiments.runs.driver import complete
from experiments.runs.executors import LocalPool
from experiments.runs.runner import Done, Work
from experiments.runs.spec import RunSpec
from experiments.runs.store import EPISODES, RunStore, append_line
from experiments.runs.summaries import SCHEMA_VERSION
from experiments.runs.versions import hardware, versions

FIRST_SEED = 190_000
ARMS = 20


def main(config: BenchSweepConfig) -> None:
    """Measure, print and write."""
    check_results(config.json)
    if min(config.episodes, config.rounds, config.runs) < 1 or config.rows < ARMS:
        raise UserError(f"at least 1 of everything and {ARMS} rows are needed: {config}")
    rates = workers(config.episodes, config.rounds)
    against = rates["2"] / rates["1"]
    each, seconds = scheduling(config.runs), reporting(config.rows)
    results = {
        "episodes_per_second": rates,
        "two_workers_against_one": against,
        "seconds_per_trivial_run": each,
        "seconds_to_collect_and_report": seconds,
        "rows": config.rows,
    }
    text = (
        f"rendering sweep: {rates['1']:.2f} episodes/s with one worker, {rates['2']:.2f} with two: "
        f"{against:.2f} times\n"
        f"scheduling: {1000 * each:.2f} ms per run "
        f"over {config.runs:,} runs\n"
        f"{config.rows:,} episodes: {seconds:.1f} s "
        "to collect and report"
    )
    show(results, text, config.json)


def workers(episodes: int, rounds: int) -> dict[str, float]:
    """Episodes per second with one worker and with two, start included."""
    spec = RunSpec("world-model", "grasp", threads=1)
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + episodes))
    rates: dict[str, list[float]] = {"1": [], "2": []}
    for seed in seeds:  # goal pictures are cached: nobody shall find them dearer than the other
        make_goals(spec.task, seed, spec.goal, cameras=spec.cameras, image_size=spec.image_size)
    for _ in range(rounds):
        for count, found in rates.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                complete({Path(folder) / "run": spec}, seeds, LocalPool(int(count)), count)
                found.append(episodes / (time.perf_counter() - start))
    return {count: float(np.median(found)) for count, found in rates.items()}


def scheduling(runs: int) -> float:
    """Seconds per run of work that stores a line and nothing else, with two workers."""
    with tempfile.TemporaryDirectory() as folder:
        spec = RunSpec("random", "reach", threads=1)
        todo = [Work(spec, seed, Path(folder)) for seed in range(runs)]
        start = time.perf_counter()
        done = sum(1 for _ in LocalPool(2).run(trivial, todo))
        seconds = time.perf_counter() - start
        lines = (Path(folder) / EPISODES).read_text().count("\n")
    if not done == lines == runs:
        raise RuntimeError(f"{runs} runs, {done} came back, {lines} were stored")
    return seconds / runs


def trivial(work: Work) -> Done:
    """Store a line."""
    append_line(work.folder / EPISODES, json.dumps({"seed": work.seed}))
    return Done(work)


def reporting(rows: int) -> float:
    """Seconds from files of that many episodes to tables, figures and the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(ARMS):
            made_up(folder / "runs" / str(number), number, rows // ARMS)
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            publish(folder, load_arms(folder), [], "bench")
        return time.perf_counter() - start


def made_up(folder: Path, number: int, episodes: int) -> None:
    """A run's folder with episodes of chance outcomes."""
    options = {"search": {"samples": number}}
    spec = RunSpec("world-model", "grasp", threads=1, options=options)
    RunStore(folder, spec)
    rng = np.random.default_rng(number)
    row = {
        **{"schema_version": SCHEMA_VERSION, "agent": spec.agent, "task": spec.task},
        **{"goal": spec.goal, "tier": "C", "steps": 12, "failure": "", "distance_m": 0.01},
        **{"within_4cm": True, "seconds_per_action": 0.2, "path_length_m": 1.0, "seconds": 3.0},
        **{"threads": 1, "run_key": spec.key, "finished": "2000-01-01T00:00:00Z"},
        **{"hardware": hardware(), "versions": versions(), "spec": asdict(spec)},
    }
    lines = []
    for index in range(episodes):
        success = bool(rng.random() < number / ARMS)
        stage = "lifted" if success else "reached"
        own = {"seed": FIRST_SEED + index, "initial_state_hash": f"{index:064x}"}
        lines.append(json.dumps(row | own | {"success": success, "stage": stage}))
    (folder / EPISODES).write_text("\n".join(lines) + "\n")
