"""The same outcomes wherever episodes run, and nothing lost or counted twice when workers die."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from envs.errors import UserError
from experiments.cli import run
from experiments.runs import store
from experiments.runs.driver import complete
from experiments.runs.executors import InProcess, LocalPool, RayCluster, make_executor
from experiments.runs.runner import PROBE_SEED
from experiments.runs.slurm import Slurm
from experiments.runs.spec import RunSpec
from experiments.runs.store import append_line, read_rows

SEEDS = (190_030, 190_031, 190_032)
FREE = ("seconds_per_action", "seconds", "finished")


def outcomes(folder):
    """Rows without what may differ from run to run."""
    return [{k: v for k, v in row.items() if k not in FREE} for row in read_rows(folder)]


def runs(folder):
    return {
        folder / "random": RunSpec("random", "reach", threads=1),
        folder / "expert": RunSpec("expert", "grasp", threads=1),
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("process")
    assert complete(runs(folder), SEEDS, InProcess(), "process") == {}
    return [outcomes(place) for place in runs(folder)]


def test_two_local_workers_agree(expected, tmp_path):
    assert complete(runs(tmp_path), SEEDS[::-1], LocalPool(2), "local") == {}
    assert [outcomes(place) for place in runs(tmp_path)] == expected


def test_submitits_local_jobs_agree(expected, tmp_path):
    pytest.importorskip("submitit")
    executor = Slurm(2, 1, tmp_path / "jobs", {}, cluster="local", shares_per_worker=1, poll_s=0.2)
    assert complete(runs(tmp_path), SEEDS, executor, "submitit") == {}
    assert [outcomes(place) for place in runs(tmp_path)] == expected


@pytest.mark.timeout(300)
def test_a_ray_cluster_of_two_nodes_agrees(expected, tmp_path):
    ray = pytest.importorskip("ray")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        cluster.add_node(num_cpus=1)
        executor = RayCluster(2, 1, cluster.address)
        assert complete(runs(tmp_path), SEEDS, executor, "ray") == {}
        assert len(ray.nodes()) == 2
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert [outcomes(place) for place in runs(tmp_path)] == expected


MORTAL = """
import os, signal

def mortal(path):
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name

def always(path):
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Unlucky:
    """Every worker dies after one item."""

    def run(self, function, items):
        for item in items[:1]:
            yield function(item)


def test_work_is_handed_in_again_as_long_as_some_gets_done(tmp_path):
    place = {tmp_path: RunSpec("random", "reach", threads=1)}
    seeds = tuple(range(190_030, 190_036))  # more rounds than one that brings nothing is given
    assert complete(place, seeds, Unlucky(), "unlucky") == {}
    assert [row["seed"] for row in read_rows(tmp_path)] == list(seeds)


def test_work_that_never_comes_back_is_given_up(tmp_path):
    class Dead:
        def run(self, function, items):
            yield from ()

    place = {tmp_path: RunSpec("random", "reach", threads=1)}
    errors = complete(place, SEEDS, Dead(), "dead")
    assert errors == {tmp_path: "3 episodes ended their worker every time"}


def test_a_worker_that_dies_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "mortal_work.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    from mortal_work import mortal

    items = [tmp_path / name for name in "abcd"]
    items[1].touch()
    assert list(LocalPool(2).run(mortal, items)) == ["b"]
    # The caller hands in again what is missing; by now every mark is there.
    assert sorted(LocalPool(2).run(mortal, items)) == list("abcd")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_worker_of_ray_that_dies_is_replaced_on_a_cluster_of_our_own(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    (tmp_path / "mortal_work.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # a cluster that nobody asked for
    from mortal_work import mortal

    items = [tmp_path / name for name in "abcd"]
    items[1].touch()
    try:
        assert list(RayCluster(2).run(mortal, items)) == ["b"]
        assert sorted(RayCluster(2).run(mortal, items)) == list("abcd")
    finally:
        ray.shutdown()


def test_what_must_come_in_order_is_run_again_at_once_when_a_worker_dies(tmp_path, monkeypatch):
    (tmp_path / "mortal_work.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    from mortal_work import always, mortal

    items = [tmp_path / name for name in "abcdefghijkl"]
    for item in items[1::2]:
        item.touch()
    assert list(LocalPool(2).in_order(mortal, items)) == list("abcdefghijkl")
    with pytest.raises(UserError, match="ended its worker"):
        list(LocalPool(1).in_order(always, items[:1]))


def test_an_agent_that_breaks_is_reported_and_the_others_finish(tmp_path):
    broken = {tmp_path / "broken": RunSpec("world-model", "reach", cameras=("right",), threads=1)}
    errors = complete(broken | runs(tmp_path), SEEDS[:1], InProcess(), "broken")
    assert list(errors) == [tmp_path / "broken"]
    assert "needs left" in errors[tmp_path / "broken"]
    assert all(len(read_rows(place)) == 1 for place in runs(tmp_path))


def test_a_full_disk_ends_a_run_with_what_was_finished(tmp_path, monkeypatch, capsys):
    words = ["evaluate", "--agent", "random", "--task", "reach", "--seeds", "190030:190033"]
    words += ["--threads", "1", "--out", str(tmp_path / "run")]
    saved, room = os.fsync, iter([True])

    def full(file):
        if next(room, False):
            return saved(file)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    assert run(words) == 2
    assert "No space left" in capsys.readouterr().err
    assert len(read_rows(tmp_path / "run")) >= 1
    monkeypatch.undo()
    assert run(words) == 0
    assert [row["seed"] for row in read_rows(tmp_path / "run")] == list(SEEDS)


def test_a_cut_line_is_mended_and_a_seed_counts_once(tmp_path):
    log = tmp_path / "episodes.jsonl"
    row = {
        **{"initial_state_hash": "a", "success": False, "stage": "none", "steps": 1},
        **{"failure": "timeout", "distance_m": None, "within_4cm": False},
        **{"seconds_per_action": 0.1, "tier": "A", "versions": {}},
    }
    append_line(log, json.dumps(row | {"seed": 2, "success": True}))
    with log.open("a") as file:
        file.write('{"seed": 3, "succ')
    assert [row["seed"] for row in read_rows(tmp_path)] == [2]
    append_line(log, json.dumps(row | {"seed": 1}))
    append_line(log, json.dumps(row | {"seed": 2, "success": False}))
    rows = read_rows(tmp_path)
    assert [row["seed"] for row in rows] == [1, 2]
    assert rows[1]["success"] is True
    for damaged in ("nonsense", json.dumps({"seed": 1}), "3"):
        log.write_text(damaged + "\n")
        with pytest.raises(UserError, match=r"episodes\.jsonl, line 1"):
            read_rows(tmp_path)


SWEEP = """
agents: [random]
tasks: [reach]
seeds: 190040:190060
"""


def start(tmp_path, *more):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    code = "from experiments.cli import main; main()"
    command = [sys.executable, "-c", code, "sweep", str(tmp_path / "sweep.yaml")]
    options = ["--out", str(tmp_path / "out"), "--no-videos", *more]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_rows(tmp_path, count, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        found = list((tmp_path / "out").glob("runs/*/episodes.jsonl"))
        if found and len(read_rows(found[0].parent)) >= count:
            return
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()[0]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_was_stopped_goes_on(how, tmp_path):
    process = start(tmp_path, "--workers", "2")
    wait_for_rows(tmp_path, 2, process)
    second = start(tmp_path, "--workers", "1")
    text, _ = second.communicate(timeout=60)
    if second.returncode:  # unless the first had just finished
        assert "another process is at work" in text
    process.send_signal(how)
    process.communicate(timeout=60)
    place = next((tmp_path / "out").glob("runs/*"))
    kept = read_rows(place)
    again = start(tmp_path, "--workers", "2")
    text, _ = again.communicate(timeout=120)
    assert again.returncode == 0, text
    rows = read_rows(place)
    assert [row["seed"] for row in rows] == list(range(190_040, 190_060))
    assert [row for row in rows if row["seed"] in {r["seed"] for r in kept}] == kept
    lines = (place / "episodes.jsonl").read_text().splitlines()
    assert len(lines) <= 20 + 2  # an episode in flight may have been run twice, never counted twice


def test_no_worker_is_no_executor(tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        make_executor("local", 0, 1, tmp_path)
    with pytest.raises(ValueError, match="process, local, ray, slurm"):
        make_executor("cloud", 1, 1, tmp_path)
    assert PROBE_SEED in range(190_000, 191_000)
