"""Kill sweeps, trainings and collections at random moments; see docs/testing.md.

    python -m tests.soak --kills 100 --out results/soak.txt

Nothing may be lost but what was in flight, nothing counted twice, and a training must end with
weights equal to the bit to those of one that nobody killed. A process keeps one core busy.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.soak import trainings
from tests.soak.report import write
from tests.soak.sweeps import RUNS, Sweep, check_equal, kill, ray_workers, workers

SHARES = {"local": 0.4, "ray": 0.2, "gc-bc": 0.15, "world-model": 0.15, "collect": 0.1}
"""Of the kills."""


@contextmanager
def busy_core():
    """Somebody else is at work on this machine."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def soak_sweep(
    sweep: Sweep, kills: int, victims_of: Callable[[int], list[int]], rng: random.Random
) -> str:
    """One kill in four hits the sweep, which is started again, the others a worker of it."""
    process, known, of_parent = sweep.start(), {}, 0
    for number in range(kills):
        time.sleep(rng.uniform(0.5, 6.0))
        victims = victims_of(process.pid)
        assert process.poll() is None, f"over after {number} kills: give it more episodes"
        if victims and rng.random() < 0.75:
            kill([rng.choice(victims)])
        else:
            process.kill()
            process.wait()
            of_parent += 1
            process = sweep.start()
        now = sweep.rows()
        lost = [key for key, row in known.items() if now.get(key) != row]
        assert not lost, f"kill {number}: lost or changed {lost[:3]}"
        known = now
    sweep.finish(process)
    twice = sweep.twice()
    assert twice <= 2 * kills  # workers at a time
    return (
        f"{kills} kills, {of_parent} of them of the sweep itself: {RUNS * sweep.episodes} "
        f"episodes, every row but its times equal to the sweep that nobody killed; "
        f"{twice} stored twice and counted once"
    )


def soak(kills: int, episodes: int, seed: int, folder: Path) -> list[str]:
    """Everything; returns what was seen."""
    rng, seen = random.Random(seed), []
    counts = {name: round(share * kills) for name, share in SHARES.items()}

    def note(line: str) -> None:
        seen.append(line)
        sys.stderr.write(line + "\n")

    local = Sweep(folder / "sweep", episodes, ["--workers", "2"])
    local.finish(local.start())
    for name, victims_of in (("local", workers), ("ray", ray_workers)):
        sweep = Sweep(folder / name, episodes, ["--executor", name, "--workers", "2"])
        line = soak_sweep(sweep, counts[name], victims_of, rng)
        check_equal(sweep, local)
        note(f"sweep --executor {name}: {line}")
    (folder / "collect").mkdir()
    words = trainings.collection(24)
    note(trainings.soak(words, counts["collect"], folder / "collect", rng))
    for name, words in trainings.trainings(folder / "collect" / "whole").items():
        (folder / name).mkdir()
        note(trainings.soak(words, counts[name], folder / name, rng))
    return seen


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--episodes", type=int, default=150, help="of each of a sweep's four runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="worldsim-soak-") as name, busy_core():
        seen = soak(given.kills, given.episodes, given.seed, Path(name))
    seen.append(f"{(time.monotonic() - began) / 60:.0f} min, one core busy with something else")
    write(seen, "tests.soak", f"ray {version('ray')}, pebble {version('pebble')}", given.out)


if __name__ == "__main__":
    main()
