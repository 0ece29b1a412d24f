"""Scalars for TensorBoard (``pip install worldsim[train]``); without it nothing is written.

Watching a run must never stop it, so whatever goes wrong here is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


class Scalars:
    """Named curves of one run, flushed as they are written.

    Args:
        folder: for the event files; ``tensorboard --logdir`` takes it or any parent.
        first: step a run starts or resumes at; older entries beyond it are hidden.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self._writer: Any = None
        with suppress(Exception):
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=first)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write one point of each curve."""
        with suppress(Exception):
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
