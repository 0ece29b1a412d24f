"""Processes: begun, looked at, killed."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

WORLDSIM = (sys.executable, "-c", "from experiments.cli import main; main()")


def start(words: Sequence[str], log: Path) -> subprocess.Popen:
    """A process with a group of its own, which does not outlive this one."""
    with log.open("a") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)
    atexit.register(_end, process.pid)
    return process


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def finish(process: subprocess.Popen, log: Path) -> None:
    """Wait for its end, which must be a good one."""
    code = process.wait()
    assert code == 0, f"exit code {code}: {log.read_text()[-2000:]}"


def kill(pids: Sequence[int]) -> None:
    """SIGKILL, to whoever is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(parent: int) -> list[int]:
    """Those that a process started, and those that those started."""
    owners = dict(filter(None, map(_owner, Path("/proc").iterdir())))
    found = [parent]
    for pid in found:
        found += [child for child, owner in owners.items() if owner == pid]
    return found[1:]


def _owner(entry: Path) -> tuple[int, int] | None:
    """(process, who started it) of an entry of /proc."""
    try:
        return int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def title(pid: int) -> bytes:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def workers(parent: int) -> list[int]:
    """Of a command: those of a local pool, and those of Ray that are at an episode."""
    found = descendants(parent)
    return [pid for pid in found if b"spawn_main" in title(pid) or b"work_off" in title(pid)]


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 3600.0) -> None:
    """Look ten times a second; the limit is for what never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(0.1)
