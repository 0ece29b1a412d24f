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
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs.episode import EpisodeResult
from experiments.runs.statistics import wilson
from experiments.runs.versions import hardware, versions

SCHEMA_VERSION = 2
EPISODES = "episodes.jsonl"


@dataclass(frozen=True)
class RunSpec:
    """One agent on one task; everything an outcome may depend on, and nothing else.

    Attributes:
        agent, task, goal: names.
        cameras, image_size, variation: of the environment.
        threads: of the numerical libraries.
        options: of the agent.
    """

    agent: str
    task: str
    goal: str = "subgoals"
    cameras: tuple[str, ...] = ("left", "wrist")
    image_size: int = 128
    variation: str = "default"
    threads: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def canonical(self) -> str:
        """JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def key(self) -> str:
        """SHA-256 of the canonical form; the code's version is recorded, not hashed."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> RunSpec:
        """What a folder holds.

        Raises:
            ValueError: when it holds no run of ours.
        """
        path = folder / "spec.json"
        try:
            raw = json.loads(path.read_text())
            names = {field.name for field in fields(cls)}
            values = {name: value for name, value in raw.items() if name in names}
            return cls(**values | {"cameras": tuple(raw["cameras"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{folder} holds no run: {path} is missing or foreign") from error


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write aside, then move into place: a good file is never half replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    if isinstance(data, str):
        temporary.write_text(data)
    else:
        temporary.write_bytes(data)
    os.replace(temporary, path)


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
        ValueError: when a whole line is not what a run wrote.
    """
    path = folder / EPISODES
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = json.loads(line)
            rows.setdefault(int(row["seed"]), row)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}, line {number} is not an episode of ours") from error
    return [rows[seed] for seed in sorted(rows)]


class RunStore:
    """The folder of one run.

    Raises:
        ValueError: when the folder holds another run.
    """

    def __init__(self, folder: Path, spec: RunSpec) -> None:
        self.folder, self.spec = folder, spec
        (folder / "states").mkdir(parents=True, exist_ok=True)
        path = folder / "spec.json"
        text = json.dumps({"schema_version": SCHEMA_VERSION, "key": spec.key, **asdict(spec)})
        if path.exists():
            found = json.loads(path.read_text())
            if found.get("key") != spec.key:
                raise ValueError(
                    f"{folder} holds another run ({found.get('agent')} on {found.get('task')}, "
                    f"goal {found.get('goal')}, or other options): choose another folder"
                )
        else:
            write_atomically(path, text + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """Finished episodes by seed."""
        return read_rows(self.folder)

    def append(self, result: EpisodeResult, tier: str) -> None:
        """Add an episode: states first, so that a line in the file always has its states."""
        spec = self.spec
        path = self.folder / "states" / f"{result.row['seed']}.npz"
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            np.savez_compressed(
                file, physics=result.physics, **{f"trace_{k}": v for k, v in result.traces.items()}
            )
        os.replace(temporary, path)
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


def summarise(spec: RunSpec, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates, interval and medians of one run."""
    if not rows:
        raise ValueError("no finished episode to summarise")
    successes = sum(row["success"] for row in rows)
    low, high = wilson(successes, len(rows))
    times = [row["seconds_per_action"] for row in rows if row["seconds_per_action"] is not None]
    solved = [row["steps"] for row in rows if row["success"]]
    stages = [row["stage"] for row in rows]
    return {
        "schema_version": SCHEMA_VERSION,
        "agent": spec.agent,
        "task": spec.task,
        "goal": spec.goal,
        "tier": rows[0]["tier"],
        "cameras": list(spec.cameras),
        "n": len(rows),
        "successes": successes,
        "success_rate": successes / len(rows),
        "wilson_low": low,
        "wilson_high": high,
        "within_4cm_rate": sum(row["within_4cm"] for row in rows) / len(rows),
        "median_distance_m": float(np.median([row["distance_m"] for row in rows])),
        "median_steps_to_success": float(np.median(solved)) if solved else None,
        "median_seconds_per_action": float(np.median(times)) if times else None,
        "stages": {stage: stages.count(stage) for stage in sorted(set(stages))},
        "failures": sorted({row["failure"] for row in rows if row["failure"]}),
        "threads": spec.threads,
        "seeds": [rows[0]["seed"], rows[-1]["seed"] + 1],
        "run_key": spec.key,
        "options": spec.options,
        "git_commits": sorted({row["versions"].get("git_commit", "unknown") for row in rows}),
        "versions": rows[-1]["versions"],
    }
