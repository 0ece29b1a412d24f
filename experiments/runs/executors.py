"""Where work runs: in this process, on local workers, on a Ray cluster, on SLURM.

An executor calls a function on every item, in any order, and yields what comes back. It may lose
items: when a worker dies, what it was doing never comes back, a new worker takes its place, and the
caller, who knows what is missing, hands those items in again. Whatever the function raises is
raised here.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from envs.errors import UserError
from experiments.runs.slurm import Slurm

Item = TypeVar("Item")
Result = TypeVar("Result")

NAMES = ("process", "local", "ray", "slurm")

ATTEMPTS = 4
"""Workers that a piece of work may end before it is given up, while nothing else gets done."""

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
        UserError: for another name, no worker, an option of another executor, a package that is not
            installed, or an address where nobody answers.
    """
    if workers < 1 or threads < 1:
        raise UserError(f"workers and threads must be at least 1, got {workers}, {threads}")
    for option, given, its in (("address", address, "ray"), ("slurm", slurm, "slurm")):
        if given and name != its:
            raise UserError(f"--{option} is for the executor {its}, not for {name}")
    if name == "process" or (name == "local" and workers == 1):
        return InProcess()
    if name == "local":
        return LocalPool(workers)
    if name == "ray":
        _check_installed("ray")
        if address not in (None, "auto", "local"):
            _check_answers(address)
        return RayCluster(workers, threads, address)
    if name == "slurm":
        _check_installed("submitit")
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
        from pebble import ProcessExpired

        with self._processes(len(items)) as pool:
            futures = [pool.schedule(function, args=[item]) for item in items]
            for future in as_completed(futures):
                with suppress(ProcessExpired):
                    yield future.result()

    def in_order(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yield ``function(item)`` of every item, in their order; none is lost.

        Raises:
            UserError: an item ended its worker every time.
        """
        with self._processes(len(items)) as pool:
            queue, sent = iter(items), deque[tuple[Item, Any]]()
            while True:
                # Not all at once: one that is sent again waits behind these alone.
                for item in islice(queue, 4 * self.workers - len(sent)):
                    sent.append((item, pool.schedule(function, args=[item])))
                if not sent:
                    return
                yield _insisted(pool, function, *sent.popleft())

    @contextmanager
    def _processes(self, items: int) -> Iterator[Any]:
        """A pool of pebble's, for so many items at most."""
        from pebble import ProcessPool

        # A forked child would share the parent's GL context and threads.
        context = multiprocessing.get_context("spawn")
        workers = max(1, min(self.workers, items))
        pool = ProcessPool(workers, initializer=prepare_worker, context=context)
        try:
            yield pool
        finally:
            pool.stop()
            pool.join()


def _insisted(pool: Any, function: Callable[[Item], Result], item: Item, future: Any) -> Result:
    """What comes of an item, which is handed in again when its worker dies."""
    from pebble import ProcessExpired

    for _ in range(ATTEMPTS):
        try:
            found: Result = future.result()
        except ProcessExpired:
            future = pool.schedule(function, args=[item])
        else:
            return found
    raise UserError(f"{item} ended its worker {ATTEMPTS} times")


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
        address: of a running cluster; None uses a connected one, or starts one here, whatever
            others run on this machine.
    """

    workers: int
    threads: int = 1
    address: str | None = None

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """See ``Executor``."""
        ray = import_module("ray")
        if not ray.is_initialized():
            cores = None if self.address else self.workers * self.threads
            ray.init(
                self.address or "local",
                num_cpus=cores,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if self.address else False,
            )
        task = ray.remote(num_cpus=self.threads, max_retries=0)(function)
        errors = ray.exceptions
        # A worker's end by itself, with its node, or for want of memory; a result's with its node.
        lost = (
            *(errors.WorkerCrashedError, errors.NodeDiedError),
            *(errors.OutOfMemoryError, errors.ObjectLostError),
        )
        queue = iter(items)
        # Twice as many as run, so that no worker waits for the next one to be sent.
        running = [task.remote(item) for item in islice(queue, 2 * self.workers)]
        while running:
            (done,), running = ray.wait(running)
            running += [task.remote(item) for item in islice(queue, 1)]
            with suppress(*lost):
                yield ray.get(done)


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


def _check_installed(package: str) -> None:
    """Whether it can be imported.

    Raises:
        UserError: it cannot.
    """
    if find_spec(package) is None:
        raise UserError(f"{package} is not installed: pip install 'worldsim[sweep]'")
