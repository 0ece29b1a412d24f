"""Jobs that SLURM refuses, that die, that run out of time; a real one is in ``tests/soak``."""

from __future__ import annotations

import os
import signal

import pytest

from envs.errors import UserError
from experiments.runs.slurm import Slurm, _Share

pytest.importorskip("submitit")


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Makes commands of SLURM that say something and exit."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(**scripts):
        for name, script in scripts.items():
            file = tmp_path / name
            file.write_text(f"#!/bin/sh\ncd {tmp_path}; echo $0 $@ >> calls\n{script}\n")
            file.chmod(0o755)
        return tmp_path / "calls"

    make(srun="", scancel="", sacct="exit 1", sbatch="echo Submitted batch job 7")
    return make


def upper(folder, items="ab"):
    return list(Slurm(2, 1, folder / "jobs", {}, poll_s=0.01).run(str.upper, items))


def test_jobs_that_left_the_queue_without_a_result_are_lost(tmp_path, commands):
    # The first time SLURM does not answer, then they run, then they are gone.
    ask = 'case $(grep -c squeue calls) in 1) exit 1;; 2) echo "7_0 7_1";; esac'
    calls = commands(squeue=ask)
    assert upper(tmp_path) == []
    assert calls.read_text().count("squeue") == 3
    asked = {line.split()[0].rpartition("/")[2] for line in calls.read_text().splitlines()}
    assert asked == {"sbatch", "squeue"}


def test_jobs_that_nobody_waits_for_any_more_are_cancelled(tmp_path, commands):
    calls = commands(squeue=f"kill -INT {os.getpid()}; echo 7_0 7_1")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # not so in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            upper(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    lines = calls.read_text().splitlines()
    assert [line.split()[-1] for line in lines if "scancel" in line] == ["7_0", "7_1"]


def test_what_slurm_refuses_is_told_in_its_words(tmp_path, commands):
    commands(sbatch="echo 'invalid partition specified: nope' >&2; exit 1")
    with pytest.raises(UserError, match=r"does not take the jobs.*specified: nope"):
        upper(tmp_path)


def test_a_share_ends_between_two_items_when_its_time_is_nearly_up():
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    try:
        for number in before:
            share = _Share(lambda item, number=number: item == 2 and os.kill(os.getpid(), number))
            assert share([1, 2, 3, 4]) == ([False, None], None)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def full_disk(item):
    if item == 2:
        raise OSError(28, "No space left on device", "episodes.jsonl")
    return item


def test_what_a_job_raises_is_raised_here_after_what_it_finished(tmp_path):
    results = Slurm(1, 1, tmp_path, {}, "local", 1, 0.1).run(full_disk, [1, 2, 3])
    assert next(results) == 1
    with pytest.raises(OSError, match="No space left") as raised:
        next(results)
    assert raised.value.filename == "episodes.jsonl"


def test_a_job_that_cannot_begin_is_told_with_its_log(tmp_path):
    with pytest.raises(UserError, match=r"could not begin its work: see .*log\.err"):
        list(Slurm(1, 1, tmp_path, {}, "local", 1, 0.1).run(_Unloadable(), [1]))


class _Unloadable:
    """Cannot be unpickled."""

    def __reduce__(self):
        return (int, ("no number",))
