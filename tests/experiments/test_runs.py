"""Evaluation and comparison: resume, damage, pairing, pages, and the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from envs.errors import UserError
from experiments.cli import run
from experiments.compare import main as compare
from experiments.evaluate import evaluate, make_spec
from experiments.options.compare import CompareConfig
from experiments.options.evaluate import EvaluateConfig
from experiments.runs.seeds import parse_seeds, purpose
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore

SEEDS = (190_020, 190_021, 190_022)


def outcomes(folder) -> list[dict]:
    """Rows without what may differ from run to run."""
    rows = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    for row in rows:
        for key in ("seconds_per_action", "seconds", "finished"):
            row.pop(key)
    return sorted(rows, key=lambda row: row["seed"])


def test_outcomes_do_not_depend_on_workers_or_on_what_ran_before(tmp_path):
    spec = RunSpec("random", "reach", threads=1)
    evaluate(spec, SEEDS, tmp_path / "one")
    evaluate(spec, SEEDS[::-1], tmp_path / "two", workers=2)
    assert outcomes(tmp_path / "one") == outcomes(tmp_path / "two")


def test_a_run_goes_on_after_a_cut_line(tmp_path):
    spec = RunSpec("random", "reach", threads=1)
    evaluate(spec, SEEDS, tmp_path / "whole")
    evaluate(spec, SEEDS[:2], tmp_path / "cut")
    log = tmp_path / "cut" / "episodes.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    summary = evaluate(spec, SEEDS, tmp_path / "cut")
    assert outcomes(tmp_path / "cut") == outcomes(tmp_path / "whole")
    assert summary["n"] == 3
    needed = {"agent", "task", "goal", "n", "successes", "success_rate", "wilson_low"}
    needed |= {"wilson_high", "median_seconds_per_action", "threads", "versions"}
    assert needed <= set(summary)


def test_a_folder_of_another_run_is_refused(tmp_path):
    RunStore(tmp_path, RunSpec("random", "reach"))
    with pytest.raises(ValueError, match="holds another run"):
        RunStore(tmp_path, RunSpec("random", "grasp"))


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "sweep.json").write_text("{}")
    words = ["evaluate", "--agent", "random", "--task", "reach", "--seeds", "190020"]
    assert run([*words, "--out", str(tmp_path)]) == 2
    assert "holds something else than the episodes" in capsys.readouterr().err


def test_every_agent_starts_from_the_same_states(tmp_path):
    hashes = []
    for agent in ("random", "expert"):
        evaluate(RunSpec(agent, "pick-place", threads=1), SEEDS[:1], tmp_path / agent)
        hashes.append(outcomes(tmp_path / agent)[0]["initial_state_hash"])
    assert hashes[0] == hashes[1]


def test_a_comparison_writes_tables_page_and_videos(tmp_path, capsys):
    config = CompareConfig(
        agents="expert,random", tasks="reach", seeds="190020:190022", out=str(tmp_path), threads=1
    )
    compare(config)
    printed = capsys.readouterr().out
    assert "| reach | subgoals | expert | - | 2/2 = 100%" in printed
    row = "| reach | expert | - | observation, desired_goal | coordinates | 0 | 0 | 0 | - | - |"
    assert row in printed
    page = (tmp_path / "index.html").read_text()
    assert "data:video/mp4" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    other = replace(config, agents="random", goal="final")
    with pytest.raises(UserError, match="holds another sweep or comparison"):
        compare(other)
    videos = {path.name for path in (tmp_path / "videos").iterdir()}
    assert "reach_expert_190020_success.mp4" in videos
    assert "reach_random_190020_failure.mp4" in videos


def test_seeds_are_read_and_checked():
    assert parse_seeds("3:6,9") == (3, 4, 5, 9)
    assert purpose(parse_seeds("201000:201200")) == "reported"
    assert purpose(parse_seeds("200000:200200")) == "retired"
    for text in ("", "5:5", "a:b", "1,1", "-3", "1e20", "190000:999999999999", "9" * 20):
        with pytest.raises(ValueError, match="seed"):
            parse_seeds(text)


def test_a_group_of_commands_lists_its_own(capsys):
    for arguments in (["train"], ["train", "--help"]):
        assert run(arguments) == 0
        shown = capsys.readouterr().out
        assert "train octo-like" in shown
        assert "evaluate" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], "unknown command"),
        (["evaluate", "--agent", "exprt", "--task", "reach"], "expert"),
        (["evaluate", "--agent", "expert", "--task", "juggle"], "reach, grasp, pick-place"),
        (["evaluate", "--agent", "expert", "--task", "reach", "--cameras", "front"], "wrist"),
        (["evaluate", "--agent", "expert", "--task", "reach", "--goal", "words"], "subgoals"),
        (["evaluate", "--agent", "world-model", "--task", "reach", "--model", "xl"], "xl"),
        (["evaluate", "--agent", "expert", "--task", "reach", "--out", " "], "--out is empty"),
        (["evaluate", "--agent", "expert", "--task", "reach", "--seeds", "5"], "training seeds"),
        (["compare", "--seeds", "5"], "training seeds"),
        (["compare", "--workers", "0"], "at least 1"),
        (["collect", "--preset", "huge"], "default"),
        (["collect", "--first-seed", "99999", "--seeds", "5"], "training seeds"),
        (["report", "nowhere"], "holds no runs"),
        (["data", "info", "nowhere"], "not a data set"),
        (["train", "sac-her", "--task", "fly"], "reach, grasp, pick-place"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "evaluate":
        arguments = ["evaluate", "--seeds", "190000", "--out", "run", *arguments[1:]]
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_options_of_another_agent_are_refused():
    with pytest.raises(ValueError, match="option of world-model"):
        make_spec(EvaluateConfig("expert", "reach", "1", "x", planner="cem"))


def test_an_agent_that_returns_nonsense_is_named():
    from agents.base import Tier
    from envs import make
    from envs.goals import make_goals
    from experiments.runs.episode import run_episode

    class Broken:
        observation_keys = ()
        tier = Tier.C

        def reset(self, goal, rng):
            pass

        def act(self, observation):
            return np.full(7, np.nan)

    env = make("reach", obs_mode="state")
    with pytest.raises(ValueError, match="Broken"):
        run_episode(env, Broken(), 190_000, make_goals("reach", 190_000))
