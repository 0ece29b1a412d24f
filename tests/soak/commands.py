"""Trainings and collections, which go on when they are given again."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.processes import WORLDSIM, start
from worldsim.data import TrajectoryDataset
from worldsim.data.manifests import manifest

COLLECTION = ("collect", "--preset", "tiny", "--image-size", "64", "--workers", "2")
CLONING = ("train", "gc-bc", "--batch", "16", "--steps", "900")
# Three parts, each with a checkpoint on the way.
WORLD_MODEL = (
    *("train", "world-model", "--image-size", "32", "--width", "32", "--depth", "2"),
    *("--heads", "2", "--predictor-width", "32", "--predictor-depth", "1"),
    *("--predictor-heads", "2", "--joint.batch", "4", "--joint-steps", "300"),
    *("--posttrain-steps", "250", "--goal-head-steps", "250"),
)


@dataclass(frozen=True)
class Command:
    """A command with a folder.

    Attributes:
        folder: of its log and of what it makes.
        words: of the command.
    """

    folder: Path
    words: tuple[str, ...]

    @property
    def log(self) -> Path:
        """What the command said."""
        return self.folder / "log"

    @property
    def out(self) -> Path:
        """What it makes."""
        return self.folder / "out"

    def start(self) -> subprocess.Popen:
        """It, or the rest of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return start([*WORLDSIM, *self.words, "--out", str(self.out)], self.log)

    def kept(self) -> dict[Any, Any]:
        """What must not change any more: until the end, nothing."""
        return {}

    def twice(self) -> int:
        """Nothing here is stored twice."""
        return 0

    def check(self, whole: Command) -> None:
        """The same weights, to the bit, or the same data, as another made."""
        assert self.result() == whole.result(), f"{self.out} differs from {whole.out}"

    def result(self) -> Any:
        """SHA-256 of the weights, or the manifest of the data."""
        if self.words[0] == "collect":
            return manifest(TrajectoryDataset(self.out))
        return hashlib.sha256((self.out / "model.safetensors").read_bytes()).hexdigest()
