"""Curves reach TensorBoard, Weights & Biases and trackio; what is missing is refused at once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import warnings

import pytest

from tests.worldsim.test_training import toy_arrays
from worldsim.errors import UserError
from worldsim.tracking import TRACKERS, check_tracker, open_tracker
from worldsim.training.loop import LoopConfig
from worldsim.training.pretrain import train_pretrain
from worldsim.training.run import TrainingRun

PACKAGES = [name for name in TRACKERS if name != "none"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_tracker_that_is_not_installed_is_refused(monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, TRACKERS[name], None)
    with pytest.raises(UserError, match=f"{name} needs the package .*pip install"):
        check_tracker(name)
    with pytest.raises(UserError, match="allowed are none, tensorboard"):
        check_tracker("paper")
    assert not list(tmp_path.iterdir())


def test_tensorboard_shows_the_curves_of_all_parts_of_a_resumed_training(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    from tests.worldsim.test_pretrain import SMALL, small_parts

    for steps in (21, 41):  # the second goes on
        tracker = open_tracker("tensorboard", tmp_path, "encoder", {})
        run = TrainingRun(tmp_path, tracker)
        loop = LoopConfig(steps, warmup=2)
        train_pretrain(*small_parts(), toy_arrays(), SMALL, loop, run)
        run.log("goal-head", 0, {"actions": 1.0})
        run.close()
    events = accumulator(str(tmp_path / "tensorboard")).Reload()
    wanted = {"pretrain/short", "pretrain/learning_rate", "pretrain/steps_per_second"}
    assert wanted <= set(events.Tags()["scalars"])
    assert [point.step for point in events.Scalars("pretrain/short")] == [0, 20, 40]
    # A later part's steps follow those of the part before, which are hidden where done again.
    assert [point.step for point in events.Scalars("goal-head/actions")][-1] == 41


def test_a_tracker_that_fails_says_so_once_and_stops_nothing(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter", fail)
    tracker = open_tracker("tensorboard", tmp_path, "run", {})
    with pytest.warns(UserWarning, match="tensorboard failed and is left out: disk full"):
        tracker.log(0, {"loss": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.log(1, {"loss": 1.0})
        tracker.close()


@pytest.mark.filterwarnings("error:the tracker")
def test_weights_and_biases_takes_curves_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = open_tracker("wandb", tmp_path, "encoder", {"steps": 2})
    for step in range(3):
        tracker.log(step, {"joint/loss": 1.0 - step})
    tracker.close()
    files = list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 1
    assert b"joint/loss" in files[0].read_bytes()


_TRACKIO = """
from pathlib import Path
from worldsim.tracking import open_tracker
tracker = open_tracker("trackio", Path("run"), "encoder", {"steps": 2})
for step in range(3):
    tracker.log(step, {"joint/loss": 1.0 - step})
tracker.close()
"""


def test_trackio_takes_curves_on_this_machine(tmp_path):
    pytest.importorskip("trackio")
    # It reads its folder when it is imported.
    env = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio")}
    command = [sys.executable, "-W", "error:the tracker", "-c", _TRACKIO]
    subprocess.run(command, env=env, cwd=tmp_path, check=True, capture_output=True)
    (database,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(database) as opened:
        rows = opened.execute("select step, metrics from metrics").fetchall()
    found = sorted((step, json.loads(values)["joint/loss"]) for step, values in rows)
    assert found == [(0, 1.0), (1, 0.0), (2, -1.0)]
