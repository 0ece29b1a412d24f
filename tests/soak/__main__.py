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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path

from tests.soak.commands import CLONING, COLLECTION, WORLD_MODEL, Command
from tests.soak.processes import finish, kill, workers
from tests.soak.report import write
from tests.soak.sweeps import Sweep

Work = Sweep | Command
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Somebody else's program: it ends with the soak, even where that is killed."""
SHARES = {"local": 0.4, "ray": 0.2, "collect": 0.1, "gc-bc": 0.15, "world-model": 0.15}
"""Of the kills."""


@contextmanager
def busy_core() -> Iterator[None]:
    """Somebody else is at work on this machine."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(work: Work) -> float:
    """From beginning to end; seconds that it took."""
    began = time.monotonic()
    finish(work.start(), work.log)
    return time.monotonic() - began


def soak(
    whole: Work, seconds: float, make: Callable[[int], Work], kills: int, rng: random.Random
) -> str:
    """Kill work until so many kills are done; one that ended is begun anew elsewhere.

    Args:
        whole: the same, finished, which nobody killed.
        seconds: that it takes.
        make: the first, second, ... of the work to be killed.
        kills: in all. One in four hits the command, which is then given again, the others a worker
            where there is one.
        rng: when, and whom.
    """
    done, of_workers, twice = 0, 0, 0
    for number in count(1):
        work = make(number)
        process, known = work.start(), work.kept()
        while done < kills:
            time.sleep(rng.uniform(0.05, 0.9) * seconds)
            victims = workers(process.pid)
            if process.poll() is not None:
                break
            if victims and rng.random() < 0.75:
                kill([rng.choice(victims)])
                of_workers += 1
            else:
                process.kill()
                process.wait()
                process = work.start()
            done += 1
            now = work.kept()
            lost = [key for key, row in known.items() if now.get(key) != row]
            assert not lost, f"kill {done}: lost or changed {lost[:3]}"
            known = now
            sys.stderr.write(f"kill {done}/{kills} of {work.folder.name}: {len(known)} kept\n")
        finish(process, work.log)
        work.check(whole)
        twice += work.twice()
        if done == kills:
            break
    assert twice <= 2 * kills  # as many as are in flight
    also = f"; {twice} episodes stored twice, counted once" if isinstance(whole, Sweep) else ""
    return (
        f"{kills} kills, {of_workers} of them of workers, over {number} runs of {seconds:.0f} s: "
        f"each ended with what nobody's kill disturbed has{also}"
    )


def soak_all(kills: int, episodes: int, seed: int, folder: Path) -> list[str]:
    """Everything; returns what was seen."""
    rng, seen = random.Random(seed), []
    counts = {name: round(share * kills) for name, share in SHARES.items()}

    def note(name: str, whole: Work, seconds: float, make: Callable[[int], Work]) -> None:
        seen.append(f"{name}: {soak(whole, seconds, make, counts[name], rng)}")
        sys.stderr.write(seen[-1] + "\n")

    local = Sweep(folder / "whole", episodes, ["--workers", "2"])
    seconds = run(local)
    for name in ("local", "ray"):
        options = ["--executor", name, "--workers", "2"]

        def sweep(number: int, name: str = name, options: list[str] = options) -> Sweep:
            return Sweep(folder / f"{name}{number}", episodes, options)

        note(name, local, seconds, sweep)
    data = str(folder / "collect" / "out")
    for name, words in {
        "collect": (*COLLECTION, "--seeds", "110"),  # three shards
        "gc-bc": (*CLONING, "--data", data),
        "world-model": (*WORLD_MODEL, "--data", data),
    }.items():

        def command(number: int, name: str = name, words: tuple[str, ...] = words) -> Command:
            return Command(folder / f"{name}{number}", words)

        whole = Command(folder / name, words)
        note(name, whole, run(whole), command)
    return seen


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--episodes", type=int, default=100, help="of each of a sweep's four runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="worldsim-soak-") as name, busy_core():
        seen = soak_all(given.kills, given.episodes, given.seed, Path(name))
    seen.append(f"{(time.monotonic() - began) / 60:.0f} min, one core busy with something else")
    write(seen, "tests.soak", f"ray {version('ray')}, pebble {version('pebble')}", given.out)


if __name__ == "__main__":
    main()
