"""Where curves go besides the folder: TensorBoard, W&B or trackio behind one interface.

A tracker whose package is missing is refused before anything starts. Once it runs, watching must
not stop what is watched: a tracker that fails says so once and is left alone.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from worldsim.errors import UserError

TRACKERS = {"none": "", "tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}
"""Names, and the package each needs."""
PROJECT = "worldsim"


class Tracker(Protocol):
    """Anything that takes numbers over steps."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...


def check_tracker(name: str) -> None:
    """Refuse a tracker that is unknown or not installed.

    Raises:
        UserError: with what is allowed, or what to install.
    """
    if name not in TRACKERS:
        raise UserError(f"unknown tracker {name!r}: allowed are {', '.join(TRACKERS)}")
    package = TRACKERS[name]
    if package:
        try:
            import_module(package)
        except ImportError as error:
            raise UserError(
                f"the tracker {name} needs the package {package}, which cannot be imported "
                f"({error}): pip install {package}, or choose another of {', '.join(TRACKERS)}"
            ) from error


def open_tracker(name: str, folder: Path, run: str, config: Mapping[str, Any]) -> Tracker:
    """A tracker of one run; the same folder and run go on where they were.

    Args:
        name: one of ``TRACKERS``.
        folder: of the run, for what is kept on this machine.
        run: how it is called.
        config: its options, as JSON.

    Raises:
        UserError: see ``check_tracker``.
    """
    check_tracker(name)
    if name == "none":
        return Nowhere()
    kinds: dict[str, Callable[[Path, str, Mapping[str, Any]], Tracker]] = {
        "tensorboard": _TensorBoard,
        "wandb": _WeightsAndBiases,
        "trackio": _Trackio,
    }
    return _Watched(name, partial(kinds[name], folder, run, config))


class Nowhere:
    """No tracker."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Watched:
    """Opens a tracker at its first point, and leaves it alone after its first failure."""

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        self._name, self._make = name, make
        self._inner: Tracker | None = None
        self._failed = False

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if self._inner is None and not self._failed:
            self._try(self._open)
        if self._inner is not None:
            self._try(partial(self._inner.log, step, values))

    def close(self) -> None:
        if self._inner is not None:
            self._try(self._inner.close)

    def _open(self) -> None:
        self._inner = self._make()

    def _try(self, act: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001  (whatever a service raises)
            self._failed = True
            warnings.warn(f"the tracker {self._name} failed and is left out: {error}", stacklevel=4)


class _TensorBoard:
    """Event files in ``tensorboard/`` of the folder; ``tensorboard --logdir`` takes any parent."""

    def __init__(self, folder: Path, run: str, config: Mapping[str, Any]) -> None:
        self._folder = folder / "tensorboard"
        self._writer: Any = None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # What an earlier process logged beyond where this one begins is hidden.
            self._writer = SummaryWriter(str(self._folder), purge_step=step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _WeightsAndBiases:
    """One run of the service (``WANDB_MODE=offline`` keeps it on this machine)."""

    def __init__(self, folder: Path, run: str, config: Mapping[str, Any]) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=PROJECT,
            name=run,
            group=folder.name,
            dir=str(folder),
            config=dict(config),
            id=_identity(folder, run),
            resume="allow",
            reinit="finish_previous",
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class _Trackio:
    """One run on trackio's local dashboard (``TRACKIO_DIR`` says where it keeps them)."""

    def __init__(self, folder: Path, run: str, config: Mapping[str, Any]) -> None:
        import trackio

        name = f"{run}-{_identity(folder, run)}"
        self._run: Any = trackio.init(
            project=PROJECT, name=name, group=folder.name, config=dict(config), resume="allow"
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def _identity(folder: Path, run: str) -> str:
    """The same for the same run in the same folder."""
    return hashlib.sha256(f"{folder.resolve()}/{run}".encode()).hexdigest()[:12]
