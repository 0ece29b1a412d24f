"""Where a sweep's results go besides its folder.

Whatever goes wrong here is dropped: watching a sweep must never stop it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from worldsim.training.scalars import Scalars

LOGGED = ("success_rate", "wilson_low", "wilson_high", "median_seconds_per_action")


class Tracker(Protocol):
    """Anything that takes the summaries of runs."""

    def log(self, run: str, summary: Mapping[str, Any]) -> None:
        """A finished run."""
        ...


class Nowhere:
    """No tracker."""

    def log(self, run: str, summary: Mapping[str, Any]) -> None:
        """Nothing."""


class TensorBoard:
    """Scalars over the number of episodes, in ``tensorboard/`` of the folder."""

    def __init__(self, folder: Path) -> None:
        self._scalars = Scalars(folder / "tensorboard", 0)

    def log(self, run: str, summary: Mapping[str, Any]) -> None:
        """Numbers of a finished run."""
        self._scalars.add(summary["n"], {f"{run}/{k}": v for k, v in _numbers(summary).items()})


class WeightsAndBiases:
    """One run of the service per run of ours (``pip install wandb``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def log(self, run: str, summary: Mapping[str, Any]) -> None:
        """Numbers of a finished run, with its whole summary as configuration."""
        with suppress(Exception):
            import wandb

            made = wandb.init(
                project="worldsim",
                name=run,
                group=self._folder.name,
                dir=str(self._folder),
                config=dict(summary),
                reinit=True,
            )
            made.log(_numbers(summary))
            made.finish()


def _numbers(summary: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(summary[key]) for key in LOGGED if summary[key] is not None}


def make_tracker(name: str, folder: Path) -> Tracker:
    """The tracker of a name: none, tensorboard or wandb."""
    return {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}.get(name, _nowhere)(folder)


def _nowhere(folder: Path) -> Tracker:
    return Nowhere()
