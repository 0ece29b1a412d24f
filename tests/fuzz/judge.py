"""Run one wrong input, in this process, and say what is wrong with how it was answered.

Wrong are: an exception for people's mistakes that is none, a traceback, exit code 0 where nothing
may be made of the input, more than 20 seconds, gigabytes of memory, anything written beside the
folder it runs in, and anything run that came in a file.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.api import NAMED, Call
from tests.fuzz.damage import TRACE
from tests.fuzz.garden import Garden
from tests.fuzz.inputs import Input

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0
MEMORY_KIB = 2**20


class TooLong(BaseException):
    """The time is up; no ``except Exception`` stops it."""


@dataclass(frozen=True)
class Answer:
    """How an input was answered.

    Attributes:
        code: exit code, 2 of a call that was refused; None where another exception came out.
        said: on both streams, by this process and its children.
        seconds: it took.
        faults: in words; none is what is wanted.
    """

    code: int | None
    said: str
    seconds: float
    faults: tuple[str, ...]


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong in what takes longer; a timer that ran before goes on."""
    end = _clock() + seconds

    def ring(number: int, frame: FrameType | None) -> None:
        left = end - _clock()
        if left <= 0:
            raise TooLong
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.1))

    handler = signal.signal(signal.SIGALRM, ring)
    earlier, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, earlier)
        signal.signal(signal.SIGALRM, handler)


def _clock() -> float:
    """Seconds, those left out in which others had the processor that this thread asked for."""
    waited = 0.0
    with contextlib.suppress(OSError):  # Linux only
        waited = int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    return time.monotonic() - waited


@contextlib.contextmanager
def captured(path: Path) -> Iterator[None]:
    """Send both standard streams, those of child processes too, to a file."""
    kept = os.dup(1), os.dup(2)
    streams = sys.stdout, sys.stderr
    with path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1) as file:
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.stdout = sys.stderr = file
            yield
        finally:
            sys.stdout, sys.stderr = streams
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            os.close(kept[0])
            os.close(kept[1])


@contextlib.contextmanager
def place(garden: Garden, given: Input | Call) -> Iterator[Path]:
    """A folder to run in, inside one that must stay as it is."""
    with tempfile.TemporaryDirectory(prefix="worldsim-fuzz-") as outer:
        inner = Path(outer) / "inner"
        inner.mkdir()
        (inner / "file.txt").write_text("a file\n")
        for name in given.needs:
            garden.plant(name, inner)
        if given.damage is not None:
            name, damage = given.damage
            damage.apply(inner / name)
        with contextlib.chdir(inner):
            yield inner


def answer(garden: Garden, given: Input | Call) -> Answer:
    """Run an input."""
    with place(garden, given) as inner:
        log = inner.parent / "said"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = _clock()
        with captured(log):
            code, faults = _judged(lambda: _run(given, inner))
        seconds = _clock() - started
        said = log.read_text(errors="replace")
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if more > MEMORY_KIB:
            faults.append(f"takes {more // 1024} MiB of memory")
        if code == 0 and given.refused:
            faults.append("taken though wrong")
        if "Traceback" in said:
            faults.append("a traceback is printed")
        if code == 2 and not said.strip():
            faults.append("nothing is said")
        beside = sorted(path.name for path in inner.parent.iterdir())
        if beside != ["inner", "said"]:
            faults.append(f"written beside its folder: {beside}")
        if list(inner.parent.rglob(TRACE)):
            faults.append("what came in a file was run")
    return Answer(code, said, seconds, tuple(faults))


def _judged(act: Callable[[], int]) -> tuple[int | None, list[str]]:
    """Exit code, and faults."""
    try:
        with limited(LIMIT_S):
            return act(), []
    except TooLong as late:
        where = traceback.extract_tb(late.__traceback__)[-2]
        return None, [f"takes over {LIMIT_S:.0f} s ({Path(where.filename).name}:{where.lineno})"]
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return None, [_described(error)]


def _described(error: Exception) -> str:
    """What was raised, and the last line of ours on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(ROOT)]
    last = (ours or frames)[-1]
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text} ({Path(last.filename).name}:{last.lineno})"


def _run(given: Input | Call, folder: Path) -> int:
    """Exit code of a command line, or what it would be of a call."""
    if isinstance(given, Input):
        return _run_line(given.words)
    try:
        given.act(folder)
    except NAMED as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run_line(words: tuple[str, ...]) -> int:
    """The command line's entry point."""
    from experiments.cli import main

    argv, sys.argv = sys.argv, ["worldsim", *words]
    try:
        main()
    except SystemExit as ended:
        code: Any = ended.code
        return code if isinstance(code, int) else int(bool(code))
    finally:
        sys.argv = argv
    return 0
