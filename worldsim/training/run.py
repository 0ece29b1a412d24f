"""A folder in which something is trained: its checkpoints, its clock, its curves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from worldsim.tracking import Nowhere, Tracker


class TrainingRun:
    """What the parts of one training share.

    Args:
        folder: of the checkpoints.
        tracker: where curves go; one that fails stops nothing.
    """

    def __init__(self, folder: Path, tracker: Tracker | None = None) -> None:
        self.folder = folder
        self._tracker: Tracker = tracker or Nowhere()
        self._since, self._earlier, self._before = time.monotonic(), 0.0, 0

    @property
    def seconds(self) -> float:
        """Spent on this training in all its processes, work that was lost left out."""
        return self._earlier + time.monotonic() - self._since

    def resume(self, seconds: float) -> None:
        """Count what earlier processes spent: ``seconds`` as a checkpoint kept it."""
        self._earlier = max(self._earlier, seconds)

    def log(self, part: str, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve of a part; its steps follow those of the parts before."""
        self._tracker.log(self._before + step, {f"{part}/{k}": v for k, v in values.items()})

    def finish(self, steps: int) -> None:
        """A part of so many steps is over."""
        self._before += steps

    def close(self) -> None:
        """The training is over."""
        self._tracker.close()
