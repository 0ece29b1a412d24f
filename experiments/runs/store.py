"""Results on disk: a spec, one JSON line per episode, compact simulator states, a summary.

    DIR/spec.json        what was run (its SHA-256 is the run key)
    DIR/episodes.jsonl   one line per finished episode, appended
    DIR/states/SEED.npz  simulator states and traces, to draw videos from later
    DIR/summary.json     rates and intervals

Running the same spec on the same folder skips what is done. Any number of processes may append:
each holds a lock while it does. A line cut short by a crash is dropped and its episode run again;
an episode that two processes ran counts once. Everything but the append is written aside and moved
into place. The fields of a line are in docs/results.md.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any

import numpy as np

from envs.errors import UserError
from experiments.runs.episode import EpisodeResult
from experiments.runs.spec import RunSpec
from experiments.runs.summaries import SCHEMA_VERSION, summarise
from experiments.runs.versions import hardware, versions
from worldsim.files import parse_json, replacing, write_atomically

EPISODES = "episodes.jsonl"

Kinds = Mapping[str, type | UnionType]
"""Fields and what they hold."""

NEEDED: Kinds = {
    "seed": int,
    "initial_state_hash": str,
    "success": bool,
    "stage": str,
    "steps": int,
    "failure": str | None,
    "distance_m": int | float | None,
    "within_4cm": bool,
    "seconds_per_action": int | float | None,
    "tier": str,
    "versions": dict,
}
"""Fields that every episode has, whatever version wrote it."""


def _difference(found: RunSpec, spec: RunSpec) -> str:
    """Why episodes of a spec must not join those that are found."""
    if replace(found, weights=spec.weights).key != spec.key:
        return (
            f"another run ({found.agent} on {found.task}, goal {found.goal}, or other options or "
            "cameras)"
        )
    if found.weights is None:
        return f"episodes of {found.agent} that do not say of which weights, and cannot go on"
    return f"episodes of other weights of {found.agent} ({found.weights}, these are {spec.weights})"


def read_json(path: Path, needed: Kinds = MappingProxyType({})) -> dict[str, Any]:
    """What a JSON file of ours says.

    Raises:
        UserError: naming the file, when it is missing or damaged or lacks what is needed.
    """
    try:
        found = parse_json(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged: {error}") from error
    check_fields(found, needed, f"{path} is damaged: it")
    assert isinstance(found, dict)
    return found


def check_fields(found: Any, needed: Kinds, what: str) -> None:
    """Refuse what is no record, lacks a field, or holds something else in one.

    Args:
        found: what was read.
        needed: fields.
        what: to call it, as the beginning of a sentence.

    Raises:
        UserError: naming the fields.
    """
    if not isinstance(found, dict):
        raise UserError(f"{what} lacks named entries")
    missing = [name for name in needed if name not in found]
    if missing:
        raise UserError(f"{what} lacks {', '.join(missing)}")
    for name, kind in needed.items():
        if not isinstance(found[name], kind):
            raise UserError(f"{what} has {name} {found[name]!r}, which cannot be")


def append_line(path: Path, line: str) -> None:
    """Append a line for good, alone: what a crash left of another line is cut off first."""
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Finished episodes of a run's folder by seed; the first line of a seed counts.

    Raises:
        UserError: when a whole line is not what a run wrote.
    """
    path = folder / EPISODES
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number} is not an episode of ours") from error
        check_fields(row, NEEDED, f"{path}, line {number}")
        rows.setdefault(row["seed"], row)
    return [rows[seed] for seed in sorted(rows)]


def check_run_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than one run.

    Raises:
        UserError: naming it.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "spec.json").exists():
        raise UserError(
            f"{folder} holds something else than the episodes of one agent on one task: choose "
            "another folder"
        )


class RunStore:
    """The folder of one run.

    Raises:
        UserError: when the folder holds another run, or one of other weights.
    """

    def __init__(self, folder: Path, spec: RunSpec) -> None:
        self.folder, self.spec = folder, spec
        (folder / "states").mkdir(parents=True, exist_ok=True)
        path = folder / "spec.json"
        text = json.dumps({"schema_version": SCHEMA_VERSION, "key": spec.key, **asdict(spec)})
        if path.exists():
            found = RunSpec.read(folder)
            if found.key != spec.key:
                raise UserError(f"{folder} holds {_difference(found, spec)}: choose another folder")
        else:
            write_atomically(path, text + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """Finished episodes by seed."""
        return read_rows(self.folder)

    def append(self, result: EpisodeResult, tier: str) -> None:
        """Add an episode: states first, so that a line in the file always has its states."""
        spec = self.spec
        path = self.folder / "states" / f"{result.row['seed']}.npz"
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, physics=result.physics, **{f"trace_{k}": v for k, v in result.traces.items()}
            )
        row = {
            "schema_version": SCHEMA_VERSION,
            "agent": spec.agent,
            "task": spec.task,
            "goal": spec.goal,
            "tier": tier,
            **result.row,
            "threads": spec.threads,
            "run_key": spec.key,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "hardware": hardware(),
            "versions": versions(),
        }
        append_line(self.folder / EPISODES, json.dumps(row))

    def summarise(
        self, seeds: tuple[int, ...], facts: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write and return ``summary.json`` over the given seeds that are finished.

        Args:
            seeds: which.
            facts: about the agent, to be put beside its score.
        """
        wanted = set(seeds)
        rows = [row for row in self.rows() if row["seed"] in wanted]
        summary = summarise(self.spec, rows) | (facts or {})
        write_atomically(self.folder / "summary.json", json.dumps(summary, indent=1) + "\n")
        return summary
