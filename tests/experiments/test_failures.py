"""Episodes that end badly count and say why; damaged files are named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import envs
from agents.base import make_agent
from envs.errors import PhysicsError
from envs.goals import make_goals
from experiments.cli import run
from experiments.evaluate import describe, evaluate
from experiments.report.publish import publish
from experiments.report.results import episode_rows
from experiments.runs import runner
from experiments.runs.arms import load_arms
from experiments.runs.episode import run_episode
from experiments.runs.executors import InProcess
from experiments.runs.spec import RunSpec

SEEDS = (190_090, 190_091)
ENV = type(envs.make("reach", obs_mode="state").unwrapped)


def test_a_diverged_simulation_ends_the_episode_as_failed(monkeypatch):
    env = envs.make("reach", obs_mode="state")
    goals, step = make_goals("reach", 190_090), ENV.step

    def diverge(self, action):
        if self.steps == 2:
            raise PhysicsError("velocities are not finite")
        self.steps += 1
        return step(self, action)

    monkeypatch.setattr(ENV, "steps", 0, raising=False)
    monkeypatch.setattr(ENV, "step", diverge)
    agent = make_agent("random", env.unwrapped.env_spec)
    result = run_episode(env, agent, 190_090, goals)
    row = result.row
    assert (row["success"], row["failure"]) == (False, "physics_error")
    assert row["error"] == "velocities are not finite"
    assert row["steps"] == 3
    assert len(result.physics) == len(result.traces["distance_m"]) == 3


@pytest.fixture
def without_pictures(tmp_path, monkeypatch):
    """Runs of two agents; the expert makes no goal pictures for the first seed."""
    monkeypatch.setattr(
        runner,
        "make_goals",
        lambda task, seed, *a, **k: None if seed == SEEDS[0] else make_goals(task, seed, *a, **k),
    )
    for agent in ("expert", "random"):
        evaluate(RunSpec(agent, "reach"), SEEDS, tmp_path / "runs" / agent)
    return tmp_path


def test_a_seed_without_goal_pictures_is_a_failure_for_all_and_said(without_pictures):
    arms = load_arms(without_pictures)
    assert [arm.summary["failures"]["goal_failed"] for arm in arms] == [1, 1]
    assert arms[0].summary["n"] == 2
    assert "1 of 2 episodes had no goal pictures" in describe(arms[0].summary)
    text = publish(without_pictures, arms, [], "test", InProcess())
    assert text.count("had no goal pictures: the scripted expert failed") == 2
    assert (without_pictures / "index.html").exists()
    videos = {path.name for path in (without_pictures / "videos").glob("*.mp4")}
    assert "reach_expert_190090_failure.mp4" in videos


def test_states_of_earlier_versions_without_traces_are_drawn(without_pictures):
    path = without_pictures / "runs" / "expert" / "states" / f"{SEEDS[0]}.npz"
    with np.load(path) as file:
        physics = file["physics"]
    np.savez_compressed(path, physics=physics)
    words = ["render", str(without_pictures), "--seeds", str(SEEDS[0]), "--size", "64"]
    assert run([*words, "--agent", "expert"]) == 0


def test_what_a_variation_drew_is_kept(monkeypatch, tmp_path):
    reset = ENV.reset

    def drawn(self, **options):
        observation, info = reset(self, **options)
        return observation, info | {"variation": {"light": {"brightness": 0.5}}}

    monkeypatch.setattr(ENV, "reset", drawn)
    evaluate(RunSpec("random", "reach"), SEEDS[:1], tmp_path)
    row = json.loads((tmp_path / "episodes.jsonl").read_text())
    (flat,) = episode_rows(load_arms(tmp_path)[0])
    assert flat["variation_parameters"] == '{"light": {"brightness": 0.5}}'
    assert row["variation_parameters"] == {"light": {"brightness": 0.5}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    sweep = folder / "sweep.yaml"
    sweep.write_text("agents: [random]\ntasks: [reach]\nseeds: 190090:190092\n")
    assert run(["sweep", str(sweep), "--out", str(folder / "out"), "--no-videos"]) == 0
    return folder


def damaged_in_one_sentence(name, words, damage, whole, place, capsys):
    """Damage a file of a finished sweep, run a command on it, and look for the file's name."""
    out = shutil.copytree(whole / "out", place / "out")
    (path,) = out.glob(name)
    path.write_bytes(damage(path.read_bytes()))
    given = {"OUT": str(out), "YAML": str(whole / "sweep.yaml")}
    assert run([given.get(word, word) for word in words]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("results.json", ["report", "OUT"]),
        ("runs/*/spec.json", ["report", "OUT"]),
        ("runs/*/summary.json", ["report", "OUT"]),
        ("runs/*/episodes.jsonl", ["report", "OUT"]),
        ("runs/*/states/190090.npz", ["render", "OUT", "--size", "64"]),
        ("sweep.json", ["sweep", "YAML", "--out", "OUT"]),
        ("runs/*/spec.json", ["sweep", "YAML", "--out", "OUT"]),
    ],
)
@pytest.mark.parametrize("damage", [b"{\x00nonsense\n", b"[]\n"])
def test_a_damaged_file_is_named_in_one_sentence(name, words, damage, whole, tmp_path, capsys):
    damaged_in_one_sentence(name, words, lambda _: damage, whole, tmp_path, capsys)


@pytest.mark.parametrize(
    ("name", "words", "change"),
    [
        *(
            ("runs/*/episodes.jsonl", ["report", "OUT"], {field: wrong})
            for field, wrong in (
                *(("seed", "first"), ("success", "yes"), ("steps", None), ("distance_m", "far")),
                *(("versions", 3), ("stage", None), ("initial_state_hash", 5), ("tier", [])),
            )
        ),
        *(
            ("runs/*/summary.json", ["report", "OUT"], {"made_of": wrong})
            for wrong in (5, [], {}, {"inputs": 5})
        ),
        ("results.json", ["report", "OUT"], {"missing": 5}),
        ("results.json", ["report", "OUT"], {"command": None}),
        ("sweep.json", ["sweep", "YAML", "--out", "OUT"], {"runs": 5}),
        ("sweep.json", ["sweep", "YAML", "--out", "OUT"], {"seeds": {}}),
    ],
)
def test_a_field_that_holds_something_else_is_named(name, words, change, whole, tmp_path, capsys):
    def damage(text):
        first, *rest = text.splitlines() if name.endswith("l") else [text]
        return b"\n".join([json.dumps(json.loads(first) | change).encode(), *rest, b""])

    damaged_in_one_sentence(name, words, damage, whole, tmp_path, capsys)


def test_a_note_of_other_kinds_of_runs_is_another_sweep(whole, tmp_path, capsys):
    out = shutil.copytree(whole / "out", tmp_path / "out")
    (out / "sweep.json").write_text('{"runs": [[1]], "seeds": [{}]}')
    assert run(["sweep", str(whole / "sweep.yaml"), "--out", str(out)]) == 2
    assert "holds another sweep" in capsys.readouterr().err
