"""The training benchmark measures all four parts."""

from __future__ import annotations

import json

from experiments.bench import train as bench_train
from experiments.cli import run


def test_rates_of_all_parts_are_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_train, "EPISODES", 4)
    path = tmp_path / "bench.json"
    short = ["bench", "train", "--rounds", "1", "--steps", "1", "--threads", "1"]
    assert run([*short, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert len(found["frames_per_second"]) == 4
    assert all(rate > 0 for rate in found["frames_per_second"].values())
    assert run(["bench", "train", "--rounds", "0"]) == 2


def test_json_alone_prints_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(bench_train, "EPISODES", 4)
    assert run(["bench", "train", "--json", "--rounds", "1", "--steps", "1", "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["threads"] == 1
