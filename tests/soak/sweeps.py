"""A sweep of quick agents, as a user starts it, and what must be true of its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs.store import read_rows

WORLDSIM = (sys.executable, "-c", "from experiments.cli import main; main()")
FIRST_SEED = 190_000
FREE = ("seconds_per_action", "seconds", "finished")
"""What may differ from run to run."""

FILE = """
agents: [random, expert]
tasks: [grasp, pick-place]
seeds: {first}:{end}
"""
RUNS = 4

Row = dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Four runs on the same seeds.

    Attributes:
        folder: of the sweep's file, its log and its results.
        episodes: of each run.
        options: of ``worldsim sweep``.
        before: words before the command, as ``ip netns exec NAME``.
    """

    folder: Path
    episodes: int
    options: Sequence[str] = ()
    before: Sequence[str] = ()

    def start(self) -> subprocess.Popen:
        """It, or the rest of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file, out = self.folder / "soak.yaml", str(self.folder / "out")
        file.write_text(FILE.format(first=FIRST_SEED, end=FIRST_SEED + self.episodes))
        words = [*self.before, *WORLDSIM, "sweep", str(file), "--out", out, "--no-videos"]
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [*words, *self.options], stdout=log, stderr=log, start_new_session=True
            )

    def finish(self, process: subprocess.Popen) -> None:
        """Wait for its end, which must be a good one."""
        code = process.wait(3600)
        assert code == 0, f"exit code {code}: {(self.folder / 'log').read_text()[-2000:]}"

    @property
    def places(self) -> list[Path]:
        """Of the runs."""
        return sorted((self.folder / "out").glob("runs/*"))

    def rows(self) -> dict[tuple[str, int], Row]:
        """(run, seed) -> what is stored of an episode, but for times."""
        return {
            (place.name, row["seed"]): {k: v for k, v in row.items() if k not in FREE}
            for place in self.places
            for row in read_rows(place)
        }

    def twice(self) -> int:
        """Episodes that were stored once more: in flight when somebody died, run again."""
        lines = sum((p / "episodes.jsonl").read_text().count("\n") for p in self.places)
        return lines - len(self.rows())

    def check(self) -> None:
        """Every episode is there once, with its states."""
        seeds = list(range(FIRST_SEED, FIRST_SEED + self.episodes))
        assert len(self.places) == RUNS
        for place in self.places:
            rows = read_rows(place)
            assert [row["seed"] for row in rows] == seeds
            for row in rows:
                with np.load(place / "states" / f"{row['seed']}.npz") as file:
                    assert len(file["physics"]) == row["steps"] + 1


def check_equal(sweep: Sweep, local: Sweep) -> None:
    """Two finished sweeps hold the same, every row but for times."""
    for each in (sweep, local):
        each.check()
    here, there = local.rows(), sweep.rows()
    differing = [key for key in here if here[key] != there.get(key)]
    assert not differing, f"{len(differing)} rows differ, as {differing[:3]}"


def kill(pids: Sequence[int]) -> None:
    """SIGKILL, to whoever is still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def children(parent: int) -> list[int]:
    """Process ids of those that a process started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                owner = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if owner == parent:
                found.append(int(entry.name))
    return found


def descendants(parent: int) -> list[int]:
    """And those that those started."""
    found = children(parent)
    return found + [pid for child in found for pid in descendants(child)]


def title(pid: int) -> bytes:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def workers(parent: int) -> list[int]:
    """Of a local pool."""
    return [pid for pid in children(parent) if b"spawn_main" in title(pid)]


def ray_workers(parent: int) -> list[int]:
    """Of the Ray cluster that a sweep started, those at work."""
    return [pid for pid in descendants(parent) if b"work_off" in title(pid)]


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Look ten times a second."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(0.1)
