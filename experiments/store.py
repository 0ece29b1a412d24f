"""Results on disk: a spec, one JSON line per episode, compact simulator states, a summary.

    DIR/spec.json        what was run (its SHA-256 is the run key)
    DIR/episodes.jsonl   one line per finished episode, appended
    DIR/states/SEED.npz  simulator states and traces, to draw videos from later
    DIR/summary.json     rates and intervals

Running the same spec on the same folder skips what is done. A line cut short by a crash is dropped
and its episode run again. Everything but the append is written aside and moved into place.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments.episode import EpisodeResult
from experiments.statistics import wilson
from experiments.versions import versions

SCHEMA_VERSION = 1


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
    threads: int = 2
    options: dict[str, Any] = field(default_factory=dict)

    def canonical(self) -> str:
        """JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def key(self) -> str:
        """SHA-256 of the canonical form; the code's version is recorded, not hashed."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write aside, then move into place: a good file is never half replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    if isinstance(data, str):
        temporary.write_text(data)
    else:
        temporary.write_bytes(data)
    os.replace(temporary, path)


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
        self._drop_cut_line()

    @property
    def _episodes(self) -> Path:
        return self.folder / "episodes.jsonl"

    def _drop_cut_line(self) -> None:
        """A crash can leave half a line at the end; what is whole stays."""
        if not self._episodes.exists():
            return
        data = self._episodes.read_bytes()
        if data and not data.endswith(b"\n"):
            write_atomically(self._episodes, data[: data.rfind(b"\n") + 1])

    def rows(self) -> list[dict[str, Any]]:
        """Finished episodes by seed."""
        if not self._episodes.exists():
            return []
        rows = [json.loads(line) for line in self._episodes.read_text().splitlines()]
        return sorted(rows, key=lambda row: int(row["seed"]))

    def append(self, result: EpisodeResult, tier: str) -> None:
        """Add an episode: states first, so that a line in the file always has its states."""
        spec = self.spec
        path = self.folder / "states" / f"{result.row['seed']}.npz"
        temporary = path.with_suffix(".tmp")
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
            "versions": versions(),
        }
        with self._episodes.open("a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

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
        "versions": versions(),
    }
