"""The training benchmark measures all four parts."""

from __future__ import annotations

import json

from experiments.bench import train as bench_train
from experiments.cli import run

SHORT = ["bench", "train", "--rounds", "1", "--steps", "1", "--threads", "1"]


def test_rates_of_all_parts_are_reported_and_json_alone_prints_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(bench_train, "EPISODES", 4)
    assert run([*SHORT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["threads"] == 1
    assert len(found["frames_per_second"]) == 4
    assert all(rate > 0 for rate in found["frames_per_second"].values())


def test_a_file_is_written_beside_the_printed_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_train, "arms", lambda config: {"a part": (8, lambda run: None)})
    path = tmp_path / "bench.json"
    assert run([*SHORT, "--json", str(path)]) == 0
    assert json.loads(path.read_text())["frames_per_second"]["a part"] > 0
    assert "frames per second" in capsys.readouterr().out


def test_no_round_is_refused():
    assert run(["bench", "train", "--rounds", "0"]) == 2
