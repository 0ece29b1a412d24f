"""Looking into checkpoints, changing their layout, and what planning costs."""

from __future__ import annotations

import json

import pytest

from experiments.bench import plan as bench_plan
from experiments.cli import run
from tests.worldsim.test_world_model import released_file


def test_there_and_back_by_the_command_line(tmp_path, capsys):
    source = released_file(tmp_path / "a.pt")
    assert run(["checkpoint", "convert", str(source), str(tmp_path / "b")]) == 0
    back = ["checkpoint", "convert", str(tmp_path / "b"), str(tmp_path / "c.pt")]
    assert run([*back, "--layout", "official"]) == 0
    capsys.readouterr()
    parts = []
    for name in ("a.pt", "b", "c.pt"):
        assert run(["checkpoint", "info", str(tmp_path / name), "--json"]) == 0
        parts.append(json.loads(capsys.readouterr().out)["parts"])
    assert parts[0] == parts[1] == parts[2]
    assert parts[0]["ac_predictor"]["parameters"] > 10_000
    for again in (back, [*back, "--layout", "official"]):
        assert run(again) == 2  # nothing is overwritten
        assert "exists already" in capsys.readouterr().err
    assert run(
        ["checkpoint", "convert", str(source), str(tmp_path / "d"), "--layout", "hugging-face"]
    )
    assert "Hugging Face layout" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path, capsys):
    source = released_file(tmp_path / "a.pt")
    (tmp_path / "cut.pt").write_bytes(source.read_bytes()[:1000])
    for name, said in (("cut.pt", "truncated"), ("vitl.pt", "place it there")):
        assert run(["checkpoint", "info", str(tmp_path / name)]) == 2
        printed = capsys.readouterr().err
        assert said in printed
        assert printed.count("\n") == 1


@pytest.mark.parametrize("heads", [True, False])
def test_caches_and_half_precision_change_no_elite(heads, tmp_path, capsys):
    model = "tiny" if heads else str(released_file(tmp_path / "a.pt"))
    config = bench_plan.BenchPlanConfig(
        model=model, samples=24, elites=4, horizon=3, rounds=1, json=str(tmp_path / "b.json")
    )
    bench_plan.main(config)
    result = json.loads((tmp_path / "b.json").read_text())
    assert result["largest_relative_cost_error"] < 1e-2
    if heads:
        assert result["same_elites"] == result["elites"]
    assert result["largest_excess_of_an_elite"] < 5e-3  # made-up weights tie nearly all candidates
    assert set(result["seconds_per_action"]) == {"ours", "plain"}
    assert "times as fast" in capsys.readouterr().out
