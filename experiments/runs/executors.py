"""Where work runs: in this process, on local workers, on a Ray cluster, on SLURM.

An executor calls a function on every item, in any order, and yields what comes back. It may lose
items: when a worker dies, what it was doing never comes back, a new worker takes its place, and the
caller, who knows what is missing, hands those items in again. Whatever the function raises is
raised here.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from envs.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

NAMES = ("process", "local", "ray", "slurm")

_CONNECT_S = 3.0
"""Longest wait for a Ray cluster's host to answer: Ray itself asks for up to fourteen minutes."""


class Executor(Protocol):
    """Anything that runs work."""

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` of every item whose worker lived, as they finish."""
        ...


def make_executor(
    name: str,
    workers: int,
    threads: int,
    folder: Path,
    address: str | None = None,
    slurm: dict[str, Any] | None = None,
) -> Executor:
    """The executor of a name.

    Args:
        name: one of ``NAMES``; a single local worker is this process.
        workers: at a time.
        threads: cores that each needs.
        folder: for logs of jobs.
        address: of a running Ray cluster; None starts one on this machine.
        slurm: submitit's parameters, as ``slurm_partition`` or ``timeout_min``.

    Raises:
        UserError: for another name, no worker, a package that is not installed, or an address where
            nobody answers.
    """
    if workers < 1 or threads < 1:
        raise UserError(f"workers and threads must be at least 1, got {workers}, {threads}")
    if name == "process" or (name == "local" and workers == 1):
        return InProcess()
    if name == "local":
        return LocalPool(workers)
    if name == "ray":
        if address not in (None, "auto", "local"):
            _check_answers(address)
        return RayCluster(workers, threads, address)
    if name == "slurm":
        return Slurm(workers, threads, folder / "jobs", parameters=slurm or {})
    raise UserError(f"unknown executor {name!r}: allowed are {', '.join(NAMES)}")


class InProcess:
    """One after the other, here."""

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``."""
        yield from map(function, items)


@dataclass(frozen=True)
class LocalPool:
    """Fresh processes on this machine; one that dies is replaced.

    Attributes:
        workers: how many.
    """

    workers: int

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``."""
        from pebble import ProcessExpired, ProcessPool

        # A forked child would share the parent's GL context and threads.
        context = multiprocessing.get_context("spawn")
        workers = min(self.workers, len(items))
        pool = ProcessPool(max(1, workers), initializer=prepare_worker, context=context)
        try:
            futures = [pool.schedule(function, args=[item]) for item in items]
            for future in as_completed(futures):
                with suppress(ProcessExpired):
                    yield future.result()
        finally:
            pool.stop()
            pool.join()


def prepare_worker() -> None:
    """A worker leaves Ctrl-C to its parent, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@dataclass(frozen=True)
class RayCluster:
    """Ray tasks; every node sees the results' folder and has worldsim installed.

    Attributes:
        workers: tasks at a time.
        threads: cores each reserves.
        address: of a running cluster; None uses a connected one, or starts one here.
    """

    workers: int
    threads: int = 1
    address: str | None = None

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``."""
        ray = _needs("ray")
        if not ray.is_initialized():
            cores = None if self.address else self.workers * self.threads
            ray.init(
                self.address,
                num_cpus=cores,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if self.address else False,
            )
        task = ray.remote(num_cpus=self.threads, max_retries=0)(function)
        queue = iter(items)
        # Twice as many as run, so that no worker waits for the next one to be sent.
        running = [task.remote(item) for item in islice(queue, 2 * self.workers)]
        while running:
            (done,), running = ray.wait(running)
            running += [task.remote(item) for item in islice(queue, 1)]
            with suppress(ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                yield ray.get(done)


@dataclass(frozen=True)
class Slurm:
    """SLURM jobs through submitit; every node sees the results' folder and this environment.

    Attributes:
        workers: jobs at a time.
        threads: cores each reserves.
        folder: for submitit's files.
        parameters: of submitit (``slurm_partition``, ``timeout_min``, ...).
        cluster: "slurm", or "local" for jobs on this machine.
        shares_per_worker: jobs a worker's part is cut into: more lose less when one dies, and
            show progress more often, but wait in the queue more often.
    """

    workers: int
    threads: int
    folder: Path
    parameters: dict[str, Any]
    cluster: str = "slurm"
    shares_per_worker: int = 4

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``."""
        submitit = _needs("submitit")
        parallel = {"slurm_array_parallelism": self.workers} if self.cluster == "slurm" else {}
        try:
            executor = submitit.AutoExecutor(folder=self.folder / "%j", cluster=self.cluster)
            executor.update_parameters(cpus_per_task=self.threads, **parallel, **self.parameters)
        except (RuntimeError, NameError, ValueError, TypeError) as error:
            raise UserError(f"no SLURM jobs can be made here: {error}") from error
        size = math.ceil(len(items) / (self.workers * self.shares_per_worker)) or 1
        shares = [items[first : first + size] for first in range(0, len(items), size)]
        for batch in self._batches(shares):
            jobs = executor.map_array(_Share(function), batch)
            for job in submitit.helpers.as_completed(jobs, poll_frequency=0.5):
                with suppress(submitit.core.utils.UncompletedJobError):
                    yield from job.result()

    def _batches(self, shares: list[Sequence[Item]]) -> Iterator[list[Sequence[Item]]]:
        """SLURM limits an array by itself; on one machine submitit starts all jobs at once."""
        size = len(shares) if self.cluster == "slurm" else self.workers
        for first in range(0, len(shares), size or 1):
            yield shares[first : first + size]


@dataclass(frozen=True)
class _Share:
    """A job: a function over its share of the items."""

    function: Callable[[Any], Any]

    def __call__(self, items: Iterable[Any]) -> list[Any]:
        return [self.function(item) for item in items]


def _check_answers(address: str) -> None:
    """Whether anybody listens at ``[ray://]host:port``.

    Raises:
        UserError: nobody does, or it is no such address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UserError(
            f"Ray address {address!r} is not understood: allowed are host:port, ray://host:port, "
            "auto (the cluster of this machine) and local (a new one)"
        )
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at {address}: {error.strerror or error}"
        ) from error


def _needs(package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise UserError(f"{package} is not installed: pip install 'worldsim[sweep]'") from error
