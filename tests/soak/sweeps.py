"""A sweep of quick agents, as a user starts it, and what must be true of its folder."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs.store import read_rows
from tests.soak.processes import WORLDSIM, start

FIRST_SEED = 190_000
FREE = ("seconds_per_action", "seconds", "finished")
"""What may differ from run to run."""

FILE = """
agents: [random, expert]
tasks: [grasp, pick-place]
seeds: {first}:{end}
"""
RUNS = 4


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

    @property
    def log(self) -> Path:
        """What the command said."""
        return self.folder / "log"

    @property
    def places(self) -> list[Path]:
        """Of the runs."""
        return sorted((self.folder / "out").glob("runs/*"))

    def start(self) -> subprocess.Popen:
        """It, or the rest of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file, out = self.folder / "soak.yaml", str(self.folder / "out")
        file.write_text(FILE.format(first=FIRST_SEED, end=FIRST_SEED + self.episodes))
        words = [*self.before, *WORLDSIM, "sweep", str(file), "--out", out, "--no-videos"]
        return start([*words, *self.options], self.log)

    def kept(self) -> dict[tuple[str, int], Any]:
        """(run, seed) -> what is stored of an episode, but for times."""
        return {
            (place.name, row["seed"]): {k: v for k, v in row.items() if k not in FREE}
            for place in self.places
            for row in read_rows(place)
        }

    def twice(self) -> int:
        """Episodes that were stored once more: in flight when somebody died, and run again."""
        lines = sum((p / "episodes.jsonl").read_text().count("\n") for p in self.places)
        return lines - len(self.kept())

    def agreed(self, local: Sweep) -> str:
        """Checked against the run on local workers; a sentence that says so."""
        self.check(local)
        return (
            f"{RUNS * self.episodes} episodes: every row but its times equal to the run on local "
            f"workers; {self.twice()} stored twice and counted once"
        )

    def check(self, whole: Sweep) -> None:
        """Every episode is there once, with its states, and is what it is in another sweep."""
        seeds = list(range(FIRST_SEED, FIRST_SEED + self.episodes))
        assert len(self.places) == RUNS
        for place in self.places:
            rows = read_rows(place)
            assert [row["seed"] for row in rows] == seeds
            for row in rows:
                with np.load(place / "states" / f"{row['seed']}.npz") as file:
                    assert len(file["physics"]) == row["steps"] + 1
        there, here = whole.kept(), self.kept()
        differing = [key for key in there if there[key] != here.get(key)]
        assert len(there) == len(here) == RUNS * self.episodes
        assert not differing, f"{len(differing)} rows differ, as {differing[:3]}"
