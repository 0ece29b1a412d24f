"""Work as SLURM jobs, through submitit; an executor, see ``experiments.runs.executors``."""

from __future__ import annotations

import math
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from envs.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

_NEARLY_OVER = (signal.SIGUSR2, signal.SIGTERM)
"""What a job is sent before its time is up (submitit asks SLURM for the first), or it must go."""


@dataclass(frozen=True)
class Slurm:
    """SLURM jobs; every node sees the results' folder and this environment.

    A job whose time is nearly up, or that must make room, ends after the item it is at; the rest
    of its share is lost in the sense of ``Executor``. Jobs that are waited for no longer, after
    Ctrl-C, are cancelled.

    Attributes:
        workers: jobs at a time.
        threads: cores each reserves.
        folder: for submitit's files.
        parameters: of submitit (``slurm_partition``, ``timeout_min``, ...).
        cluster: "slurm", or "local" for jobs on this machine.
        shares_per_worker: jobs a worker's part is cut into: more lose less when one dies, and
            show progress more often, but wait in the queue more often.
        poll_s: seconds between two looks at the queue.
    """

    workers: int
    threads: int
    folder: Path
    parameters: dict[str, Any]
    cluster: str = "slurm"
    shares_per_worker: int = 4
    poll_s: float = 5.0

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``.

        Raises:
            UserError: SLURM takes no jobs, or one could not begin its work.
        """
        executor = self._executor()
        size = math.ceil(len(items) / (self.workers * self.shares_per_worker)) or 1
        shares = [items[first : first + size] for first in range(0, len(items), size)]
        for batch in self._batches(shares):
            for job in self._ended(_submitted(executor, _Share(function), batch)):
                results, error = _outcome(job)
                yield from results
                if error is not None:
                    raise error

    def _executor(self) -> Any:
        submitit = import_module("submitit")
        parallel = {"slurm_array_parallelism": self.workers} if self.cluster == "slurm" else {}
        try:
            executor = submitit.AutoExecutor(folder=self.folder / "%j", cluster=self.cluster)
            executor.update_parameters(cpus_per_task=self.threads, **parallel, **self.parameters)
        except (RuntimeError, NameError, ValueError, TypeError) as error:
            raise UserError(f"no SLURM jobs can be made here: {error}") from error
        return executor

    def _batches(self, shares: list[Sequence[Item]]) -> Iterator[list[Sequence[Item]]]:
        """SLURM limits an array by itself; on one machine submitit starts all jobs at once."""
        size = len(shares) if self.cluster == "slurm" else self.workers
        for first in range(0, len(shares), size or 1):
            yield shares[first : first + size]

    def _ended(self, jobs: Sequence[Any]) -> Iterator[Any]:
        """Jobs as they end; those that died without a result drop out.

        submitit learns of a death from ``sacct`` alone: never where accounting is off, after up
        to ten minutes where it is on.
        """
        waiting = list(jobs)
        try:
            while waiting:
                # Before results are looked for: a job that has gone has written its own.
                queued = _queued() if self.cluster == "slurm" else None
                time.sleep(self.poll_s)
                for job in tuple(waiting):
                    done = _answered(job) if self.cluster == "slurm" else job.done()
                    if done or (queued is not None and job.job_id not in queued):
                        waiting.remove(job)
                    if done:
                        yield job
        finally:
            for job in waiting:
                job.cancel(check=False)


def _submitted(executor: Any, share: _Share, batch: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Jobs of submitit, one for each sequence of items."""
    errors = import_module("submitit.core.utils")
    try:
        jobs: Sequence[Any] = executor.map_array(share, batch)
    except errors.FailedJobError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"SLURM does not take the jobs: {reason}") from error
    return jobs


def _outcome(job: Any) -> tuple[list[Any], Exception | None]:
    """Results of a job's share, and what its function raised, if it did."""
    errors = import_module("submitit.core.utils")
    try:
        found: tuple[list[Any], Exception | None] = job.result()
    except errors.FailedJobError as error:
        raise UserError(
            f"SLURM job {job.job_id} could not begin its work: see {job.paths.stderr}"
        ) from error
    except errors.UncompletedJobError:  # it died
        return [], None
    return found


def _answered(job: Any) -> bool:
    """Whether a job's result is there; ``job.done()`` would ask ``sacct``, too."""
    folder = job.paths.folder
    with suppress(OSError):  # makes a shared file system look anew, as submitit does
        folder.chmod(folder.stat().st_mode)
    found: bool = job.paths.result_pickle.exists()
    return found


def _queued() -> set[str] | None:
    """Jobs of this user that wait or run, an array's one by one; None: SLURM does not answer."""
    words = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    found = subprocess.run(words, capture_output=True, text=True)
    return set(found.stdout.split()) if found.returncode == 0 else None


@dataclass(frozen=True)
class _Share:
    """A job: a function over its share of the items, as far as time allows."""

    function: Callable[[Any], Any]

    def __call__(self, items: Sequence[Any]) -> tuple[list[Any], Exception | None]:
        over = threading.Event()
        for number in _NEARLY_OVER:
            signal.signal(number, lambda *_: over.set())
        results: list[Any] = []
        for item in items:
            if over.is_set():
                break
            try:
                results.append(self.function(item))
            except Exception as error:  # noqa: BLE001 - raised where the jobs were sent from
                return results, error
        return results, None
