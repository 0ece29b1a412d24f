"""Ctrl-C and SIGTERM (SLURM's and Ray's preemption) end a training between two steps, saved."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from tqdm import tqdm

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While entered, both signals are wishes that ``answer`` fulfils; the second is not waited for.

    Signals reach the main thread of a process; elsewhere nothing changes.
    """

    def __init__(self) -> None:
        self.wished: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wished is not None:
            _end(self.wished)
        self.wished = signal.Signals(number)

    def answer(self, where: str) -> None:
        """End now, if that is wished; call it when everything is saved.

        Args:
            where: what was saved, for the message.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM, with the shell's code for it.
        """
        if self.wished is not None:
            tqdm.write(f"{where}: saved; the same command goes on from there", file=sys.stderr)
            _end(self.wished)


def _end(number: signal.Signals) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
