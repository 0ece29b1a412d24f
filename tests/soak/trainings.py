"""Trainings and collections that are killed, and what they must be equal to in the end."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.soak.sweeps import WORLDSIM, kill, workers

SMALL = (
    *("--image-size", "32", "--width", "32", "--depth", "2", "--heads", "2"),
    *("--predictor-width", "32", "--predictor-depth", "1", "--predictor-heads", "2"),
    *("--joint.batch", "4", "--joint-steps", "300"),
    *("--posttrain-steps", "250", "--goal-head-steps", "250"),
)
"""Three parts, each with a checkpoint on the way."""


def collection(seeds: int) -> tuple[str, ...]:
    """Words that collect a small data set."""
    words = ("collect", "--preset", "tiny", "--image-size", "64", "--workers", "2")
    return (*words, "--seeds", str(seeds))


def trainings(data: Path) -> dict[str, tuple[str, ...]]:
    """Words that train on a data set, by what is trained."""
    cloning = ("train", "gc-bc", "--data", str(data), "--batch", "16", "--steps", "900")
    return {
        "gc-bc": cloning,
        "world-model": ("train", "world-model", "--data", str(data), *SMALL),
    }


@dataclass(frozen=True)
class Long:
    """A command with a folder of its own, which goes on when it is given again.

    Attributes:
        words: of the command.
        out: its folder.
    """

    words: tuple[str, ...]
    out: Path

    def start(self) -> subprocess.Popen:
        """It, or the rest of it."""
        with self.out.with_suffix(".log").open("a") as log:
            return subprocess.Popen(
                [*WORLDSIM, *self.words, "--out", str(self.out)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen) -> None:
        """Wait for its end, which must be a good one."""
        code = process.wait(3600)
        assert code == 0, f"exit code {code}: {self.out.with_suffix('.log').read_text()[-2000:]}"

    def digest(self) -> str:
        """SHA-256 of the weights, or of the shards of a data set."""
        files = sorted((*self.out.glob("*.safetensors"), *self.out.glob("*.h5")))
        assert files, f"{self.out} holds no weights and no data"
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def soak(words: tuple[str, ...], kills: int, folder: Path, rng: random.Random) -> str:
    """Run a command to its end, then another time with kills; both must give the same bytes.

    A run that ends before its kill counts for nothing: it is begun anew in another folder.
    """
    whole = Long(words, folder / "whole")
    began = time.monotonic()
    whole.finish(whole.start())
    seconds = time.monotonic() - began
    done, runs, of_workers = 0, 0, 0
    while done < kills:
        cut = Long(words, folder / f"cut{runs}")
        runs += 1
        process = cut.start()
        while done < kills:
            time.sleep(rng.uniform(0.1, 0.9) * seconds)
            if process.poll() is not None:
                break
            done += 1
            victims = workers(process.pid)
            if victims and rng.random() < 0.5:
                of_workers += 1
                kill([rng.choice(victims)])
            else:
                process.kill()
                process.wait()
                process = cut.start()
        cut.finish(process)
        assert cut.digest() == whole.digest(), f"{cut.out} differs from {whole.out}"
    some = f", {of_workers} of them of workers" if of_workers else ""
    return (
        f"{' '.join(words[:2])}: {kills} kills{some} of {runs} runs of {seconds:.0f} s: "
        f"each ended with the bytes of one that nobody killed"
    )
