"""Brings a set of runs to completion: whatever an executor loses is handed in again.

Results are written where an episode ends (``work_off`` of ``experiments.runs.runner``), not by the
driver:
killing the driver loses nothing but the episodes in flight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from experiments.runs.executors import ATTEMPTS, Executor
from experiments.runs.runner import Done, Work, work_off
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore


def complete(
    runs: Mapping[Path, RunSpec], seeds: tuple[int, ...], executor: Executor, title: str
) -> dict[Path, str]:
    """Run every episode that the folders do not hold yet.

    Args:
        runs: folder -> spec.
        seeds: on which starts.
        executor: where.
        title: of the progress bar.

    Returns:
        Why a run is not complete, for each that is not.
    """
    errors: dict[Path, str] = {}
    todo, fruitless = missing(runs, seeds), 0
    with Progress(title, runs, seeds, len(todo)) as progress:
        while todo and fruitless < ATTEMPTS:  # rounds in a row that brought nothing
            before = len(todo)
            for done in executor.run(work_off, todo):
                progress.count(done)
                if done.error:
                    errors[done.work.folder] = done.error
            todo = [work for work in missing(runs, seeds) if work.folder not in errors]
            fruitless = fruitless + 1 if len(todo) == before else 0
    lost = Counter(work.folder for work in todo)
    return errors | {f: f"{n} episodes ended their worker every time" for f, n in lost.items()}


def missing(runs: Mapping[Path, RunSpec], seeds: tuple[int, ...]) -> list[Work]:
    """What is left to do, run by run."""
    todo = []
    for folder, spec in runs.items():
        done = {row["seed"] for row in RunStore(folder, spec).rows()}
        todo += [Work(spec, seed, folder) for seed in seeds if seed not in done]
    return todo


class Progress:
    """A bar over all episodes with the running success of every agent."""

    def __init__(
        self, title: str, runs: Mapping[Path, RunSpec], seeds: tuple[int, ...], todo: int
    ) -> None:
        self._solved: Counter[str] = Counter()
        self._run: Counter[str] = Counter()
        wanted = set(seeds)
        for folder, spec in runs.items():
            for row in RunStore(folder, spec).rows():
                if row["seed"] in wanted:
                    self._add(spec.agent, row["success"])
        total = len(runs) * len(seeds)
        self._bar = tqdm(
            total=total, initial=total - todo, desc=title, unit="episode", smoothing=0.0
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def count(self, done: Done) -> None:
        """One more episode."""
        self._bar.update()
        if done.error is None:
            self._add(done.work.spec.agent, done.success)
            rates = (f"{a} {self._solved[a] / n:.0%}" for a, n in self._run.items())
            self._bar.set_postfix_str(", ".join(rates), refresh=False)

    def _add(self, agent: str, success: bool) -> None:
        self._run[agent] += 1
        self._solved[agent] += success
