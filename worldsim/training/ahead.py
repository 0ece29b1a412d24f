"""Batches made one step ahead, by a thread: it uses an idle core, and waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """Calls ``make(step)`` for the step after the one that is asked for.

    Args:
        make: a function of the step alone, or a training that is resumed would go another way.
        steps: there is no batch of this step and later ones.
    """

    def __init__(self, make: Callable[[int], Made], steps: int) -> None:
        self._make, self._steps = make, steps
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._made: dict[int, Future[Made]] = {}

    def __call__(self, step: int) -> Made:
        """The batch of a step; what making it raised is raised here."""
        now = self._made.pop(step, None) or self._pool.submit(self._make, step)
        self._made.clear()
        if step + 1 < self._steps:
            self._made[step + 1] = self._pool.submit(self._make, step + 1)
        return now.result()

    def __enter__(self) -> Ahead[Made]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
