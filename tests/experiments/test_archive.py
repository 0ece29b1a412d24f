"""Results that are kept: a small file a table, episodes as they were logged; README's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.errors import UserError
from experiments.cli import run
from experiments.report import readme
from experiments.report.readme import filled
from experiments.runs.archive import FinishedRun, read_archive, write_archive
from experiments.runs.arms import load_arms
from experiments.runs.spec import RunSpec

ROOT = Path(readme.__file__).parents[2]
PLANNER = RunSpec("world-model", "grasp", options={"search": {"samples": 8}}, weights="aa")


def packed(*folders, out):
    return run(["pack", *map(str, folders), "--out", str(out)])


def test_packed_runs_are_read_as_the_folders_were(tmp_path, finished, capsys):
    finished(tmp_path / "runs" / "a", PLANNER, [1, 0, 1])
    finished(tmp_path / "runs" / "b", RunSpec("random", "grasp"), [0, 0, 0], facts={"minutes": 3.0})
    out = tmp_path / "kept" / "table.parquet"
    assert packed(tmp_path / "runs", out=out) == 0
    assert "2 runs, 6 episodes" in capsys.readouterr().out
    before, after = load_arms(tmp_path / "runs"), load_arms(out)
    assert load_arms(tmp_path / "kept") == after
    for one, other in zip(before, after, strict=True):
        assert (one.spec, one.rows, one.facts) == (other.spec, other.rows, other.facts)
        assert (one.label, one.summary) == (other.label, other.summary)


def test_every_field_comes_back_whatever_varies_within_a_run(tmp_path):
    spec = RunSpec("random", "reach")
    rows = [
        {"seed": 1, "success": True, "seconds_per_action": None, "versions": {"torch": "1"}},
        {"seed": 2, "success": False, "seconds_per_action": 0.1, "versions": {"torch": "2"}},
        {"seed": 3, "success": False, "seconds_per_action": 0.25, "versions": {"torch": "1"}}
        | {"variation_parameters": {"light": [0.5]}, "error": "diverged"},
    ]
    runs = [FinishedRun("a", spec, {}, rows), FinishedRun("b", spec, {"x": 1}, rows[:1])]
    write_archive(tmp_path / "table.parquet", runs)
    assert read_archive(tmp_path / "table.parquet") == runs


def test_what_is_alike_in_a_run_is_kept_once(tmp_path, finished):
    finished(tmp_path / "run", PLANNER, [1] * 500)
    out = tmp_path / "table.parquet"
    assert packed(tmp_path / "run", out=out) == 0
    assert out.stat().st_size < (tmp_path / "run" / "episodes.jsonl").stat().st_size / 10
    assert out.read_bytes().count(b'"python"') == 1


def test_runs_are_packed_again_with_others(tmp_path, finished):
    first, second = tmp_path / "one.parquet", tmp_path / "two.parquet"
    finished(tmp_path / "x" / "run", PLANNER, [1, 0])
    finished(tmp_path / "y" / "run", RunSpec("random", "grasp"), [1, 0])
    assert packed(tmp_path / "x", out=first) == 0
    assert packed(first, tmp_path / "y", out=second) == 0
    assert [arm.label for arm in load_arms(second)] == [
        "world-model search.samples=8",
        "random",
    ]


def test_other_parquet_files_are_no_runs(tmp_path, finished):
    finished(tmp_path / "run", PLANNER, [1, 0])
    assert run(["results", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "episodes.parquet").exists()
    assert len(load_arms(tmp_path)) == 1
    with pytest.raises(UserError, match="holds no runs"):
        load_arms(tmp_path / "run" / "episodes.parquet")


def test_a_damaged_archive_is_named(tmp_path, finished, capsys):
    finished(tmp_path / "run", PLANNER, [1, 0])
    out = tmp_path / "table.parquet"
    packed(tmp_path / "run", out=out)
    whole = out.read_bytes()
    for damaged in (b"nonsense", whole[:-20], b""):
        out.write_bytes(damaged)
        assert run(["report", str(tmp_path)]) == 2
        assert f"{out} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pack", "--out", "x.parquet"], "a folder of runs"),
        (["pack", "nowhere", "--out", "x.parquet"], "holds no runs"),
        (["pack", "nowhere", "--out", "x.csv"], "ends in .parquet"),
    ],
)
def test_a_mistake_is_one_sentence(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_the_logs_in_the_repository_are_whole_and_small():
    arms = load_arms(ROOT / "results")
    assert len({(arm.folder) for arm in arms}) == len(arms) >= 143
    files = list((ROOT / "results").glob("*.parquet"))
    assert sum(path.stat().st_size for path in files) < 4e6
    assert not list((ROOT / "results").glob("**/*.jsonl"))


def test_the_readmes_tables_are_those_of_the_logs():
    text = (ROOT / "README.md").read_text()
    assert text.count("<!-- table: ") == text.count("<!-- end of table -->") == len(readme.TABLES)
    assert filled(text, load_arms(readme.LOGS)) == text, "run worldsim readme"


def test_a_table_that_is_out_of_date_is_found_and_mended(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text()
    assert "**199/200**" in text
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "LOGS", tmp_path / "results" / "reported.parquet")
    readme.LOGS.parent.mkdir()
    readme.LOGS.write_bytes((ROOT / "results" / "reported.parquet").read_bytes())
    (tmp_path / "README.md").write_text(text.replace("**199/200**", "**200/200**", 1))
    assert run(["readme", "--check"]) == 2
    assert "not those of the logs" in capsys.readouterr().err
    assert run(["readme"]) == 0
    assert (tmp_path / "README.md").read_text() == text


def test_an_unknown_table_is_refused():
    with pytest.raises(UserError, match="no table 'taste'"):
        filled("<!-- table: taste -->\n<!-- end of table -->", [])


def test_the_table_of_rates_says_what_the_logs_say():
    arms = load_arms(readme.LOGS)
    (line,) = [
        line
        for line in filled("<!-- table: offline -->\n<!-- end of table -->", arms).splitlines()
        if line.startswith("| pick-place | the last one |")
    ]
    (arm,) = [
        arm
        for arm in arms
        if (arm.spec.agent, arm.spec.task, arm.spec.goal) == ("gc-bc", "pick-place", "final")
    ]
    assert f"{sum(row['success'] for row in arm.rows)}/{len(arm.rows)}" in line
