"""Many runs on the same seeds in one folder: what a sweep and a comparison have in common.

    DIR/sweep.json   keys of the runs and seeds: what the folder is for
    DIR/runs/RUN     one folder a run, see ``experiments.runs.store``

One process at a time works on a folder. It may be killed at any moment; the next one goes on.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs import TASKS
from envs.errors import UserError
from experiments.runs.arms import Arm
from experiments.runs.budgets import counted, with_counts
from experiments.runs.choices import label
from experiments.runs.driver import complete
from experiments.runs.executors import Executor
from experiments.runs.runner import runner
from experiments.runs.spec import USUAL_VARIATION, RunSpec
from experiments.runs.store import RunStore, read_json, read_rows
from worldsim.files import write_atomically

NOTE = "sweep.json"


@dataclass(frozen=True)
class Run:
    """A run before it is run.

    Attributes:
        spec: with the digest of the agent's weights.
        facts: what the agent is made of, for the summary.
    """

    spec: RunSpec
    facts: dict[str, Any]


def prepared(spec: RunSpec) -> Run:
    """Make the agent once, to see what it is.

    Raises:
        UserError: when it cannot be made.
    """
    made = runner(spec)
    return Run(made.spec, {"made_of": made.made_of})


def all_prepared(specs: Iterable[RunSpec], folder: Path) -> list[Run]:
    """Runs of specs; agents of one of our tasks are made once for all its variations.

    A planner with a budget is fitted to it once for all tasks, or has been when the folder's runs
    began.

    Raises:
        UserError: when one cannot be made.
    """
    made: dict[str, Run] = {}
    found: list[Run] = []
    for wanted in specs:
        spec = with_counts(counted(wanted, folder.glob("runs/*")), (run.spec for run in found))
        alike = spec.plain if spec.task in TASKS else spec  # others may not know the variation
        if alike.key not in made:
            made[alike.key] = prepared(spec)
        known = made[alike.key]
        weights, options = known.spec.weights, known.spec.options
        found.append(Run(replace(spec, weights=weights, options=options), known.facts))
    return found


def words(spec: RunSpec) -> str:
    """A run in words."""
    scene = "" if spec.variation == USUAL_VARIATION else f" ({spec.variation})"
    return f"{label(spec)} on {spec.task}{scene}"


def check_distinct(runs: Sequence[Run]) -> None:
    """Refuse two runs that are the same but for where their weights lie.

    Raises:
        UserError: naming them.
    """
    seen: dict[str, RunSpec] = {}
    for run in runs:
        same = seen.setdefault(run.spec.key, run.spec)
        if same is not run.spec:
            raise UserError(
                f"the same run appears twice: {label(same)} and {words(run.spec)} have equal "
                "weights"
            )


def place(folder: Path, spec: RunSpec) -> Path:
    """A run's folder: readable, and its own."""
    scene = "" if spec.variation == USUAL_VARIATION else f"_{spec.variation}"
    name = f"{spec.task}_{spec.goal}{scene}_{label(spec)}"
    name = re.sub(r"[^A-Za-z0-9.=-]+", "-", name)
    return folder / "runs" / f"{name[:80]}_{spec.key[:8]}"


def check_folder(folder: Path, runs: Sequence[Run], seeds: tuple[int, ...]) -> None:
    """Refuse a folder that holds something else than these runs or a part of them.

    Raises:
        UserError: naming what it holds.
    """
    path = folder / NOTE
    keys = {run.spec.key for run in runs}
    if path.exists():
        found = read_json(path, {"runs": list, "seeds": list})
        there = {str(seed) for seed in found["seeds"]}
        if not {str(key) for key in found["runs"]} <= keys or not there <= set(map(str, seeds)):
            raise UserError(
                f"{folder} holds another sweep or comparison, of {len(found['runs'])} runs on "
                f"{len(found['seeds'])} seeds, which is no part of this one: choose another --out"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds something else: choose another --out")


@contextmanager
def claimed(folder: Path, runs: Sequence[Run], seeds: tuple[int, ...]) -> Iterator[None]:
    """Hold a folder, and write down what runs there.

    Raises:
        UserError: when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{folder}: another process is at work there") from error
        note = {"runs": [run.spec.key for run in runs], "seeds": seeds}
        write_atomically(folder / NOTE, json.dumps(note) + "\n")
        yield


def carry_out(
    folder: Path, runs: Sequence[Run], seeds: tuple[int, ...], executor: Executor, title: str
) -> tuple[list[Arm], list[str]]:
    """Run what is missing.

    Args:
        folder: held by ``claimed``.
        runs: on which every episode is wanted.
        seeds: of the episodes.
        executor: where they run.
        title: of the progress bar.

    Returns:
        Arms with an episode or more, and a sentence for each run that is not complete.
    """
    places = {place(folder, run.spec): run for run in runs}
    errors = complete({where: run.spec for where, run in places.items()}, seeds, executor, title)
    arms = []
    for where, run in places.items():
        if read_rows(where):
            summary = RunStore(where, run.spec).summarise(seeds, run.facts)
            arms.append(Arm.of(where, seeds, summary))
    return arms, [f"{words(places[where].spec)}: {why}" for where, why in errors.items()]
