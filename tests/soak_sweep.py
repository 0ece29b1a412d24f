"""Kill a sweep and its workers at random moments, again and again; nothing may be lost or doubled.

    python tests/soak_sweep.py --kills 100

Not a test of the default run: a hundred kills take about a quarter of an hour. One kill in four
hits the sweep itself, which is then started again; the others hit a worker, which it must replace.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from experiments.runs.store import read_rows

SWEEP = """
agents: [random, expert]
tasks: [grasp, pick-place]
seeds: 190000:{end}
"""
CODE = "from experiments.cli import main; main()"


def start(folder: Path) -> subprocess.Popen:
    """The sweep, as a user starts it."""
    command = [sys.executable, "-c", CODE, "sweep", str(folder / "soak.yaml")]
    options = ["--out", str(folder / "out"), "--workers", "2", "--no-videos"]
    log = (folder / "log").open("a")
    return subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True)


def workers(parent: int) -> list[int]:
    """Process ids of a sweep's workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                owner = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if owner == parent and b"spawn_main" in words:
                found.append(int(entry.name))
    return found


def finished(folder: Path) -> dict[tuple[str, int], str]:
    """(run, seed) -> what its row says."""
    places = (folder / "out").glob("runs/*")
    return {(p.name, row["seed"]): repr(row) for p in places for row in read_rows(p)}


def soak(kills: int, episodes: int, seed: int = 0) -> str:
    """Kill, check after every kill, let it finish, check again; returns one line."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "soak.yaml").write_text(SWEEP.format(end=190_000 + episodes))
        process, known, of_parent = start(folder), {}, 0
        for number in range(kills):
            time.sleep(rng.uniform(0.5, 6.0))
            victims = workers(process.pid)
            if process.poll() is None and victims and rng.random() < 0.75:
                os.kill(rng.choice(victims), signal.SIGKILL)
            else:
                process.kill()
                process.wait()
                of_parent += 1
                process = start(folder)
            now = finished(folder)
            lost = [key for key, row in known.items() if now.get(key) != row]
            assert not lost, f"kill {number}: lost or changed {lost[:3]}"
            known = now
            sys.stderr.write(f"kill {number + 1}/{kills}: {len(known)} episodes\n")
        assert process.wait(3600) == 0, (folder / "log").read_text()[-2000:]
        return check(folder, episodes, kills, of_parent)


def check(folder: Path, episodes: int, kills: int, of_parent: int) -> str:
    """Every episode is there once, with its states."""
    places, extra = list((folder / "out").glob("runs/*")), 0
    assert len(places) == 4
    for place in places:
        rows = read_rows(place)
        assert [row["seed"] for row in rows] == list(range(190_000, 190_000 + episodes))
        extra += (place / "episodes.jsonl").read_text().count("\n") - len(rows)
        for row in rows:
            with np.load(place / "states" / f"{row['seed']}.npz") as file:
                assert len(file["physics"]) == row["steps"] + 1
    assert extra <= 2 * kills
    return (
        f"{kills} kills, {of_parent} of them of the sweep itself: {4 * episodes} episodes, "
        f"none lost, none counted twice ({extra} were stored twice)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--episodes", type=int, default=400, help="of each of four runs")
    given = parser.parse_args()
    sys.stdout.write(soak(given.kills, given.episodes) + "\n")
