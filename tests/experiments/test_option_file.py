"""``--config FILE.yaml``: what a file holds, what is typed over it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.cli import COMMANDS, _parsed, run
from experiments.options.train_world_model import WorldModelTraining
from experiments.yaml_file import read_yaml
from worldsim.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
FROM_FILE = [name for name in COMMANDS if name.startswith("train ") or name == "collect"]


@pytest.fixture
def file(tmp_path):
    """Write a file; returns its path as typed."""

    def write(text):
        path = tmp_path / "training.yaml"
        path.write_text(text)
        return str(path)

    return write


def options(name, *words):
    return _parsed(name, *COMMANDS[name].config(), list(words))


def test_a_file_says_what_could_be_typed(file):
    path = file(
        "joint-rate: 7e-4\nprecision: float32\nimage_size: 128\nencoder: null\npolicies: []\n"
        "joint: {demonstrators: [free-play, expert], single_view: 0}\nflow_head: {pairs: yes}\n"
    )
    typed = (
        "--joint-rate 7e-4 --precision float32 --image-size 128 --joint.single-view 0 "
        "--joint.demonstrators free-play expert --flow-head.pairs"
    )
    name = "train world-model"
    assert options(name, "--config", path) == options(name, *typed.split()) != WorldModelTraining()


def test_what_is_typed_wins_wherever_it_stands(file):
    path = file("steps: 10\nhidden: [8, 8]\nsubprocesses: true\ntask: grasp\n")
    typed = ("--hidden", "16", "--no-subprocesses")
    for words in (("--config", path, *typed), (*typed, f"--config={path}")):
        found = options("train sac-her", *words)
        assert (found.steps, found.task) == (10, "grasp")
        assert (found.hidden, found.subprocesses) == ((16,), False)


@pytest.mark.parametrize("name", FROM_FILE)
def test_every_training_takes_a_file_and_tells_so(name, file, capsys):
    config, _ = COMMANDS[name].config()
    assert options(name, "--config", file("out: there\n")) == config(out="there")
    with pytest.raises(SystemExit):
        run([*name.split(), "--help"])
    assert "--config FILE.yaml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: 5", "unknown key 'steps'"),
        ("joint_step: 5", "unknown key 'joint_step' (did you mean joint_steps?)"),
        ("joint: {bach: 3}", "unknown key 'joint.bach' (did you mean joint.batch?)"),
        ("joint.batch: 3", "unknown key 'joint.batch'"),
        ("joint_steps: many", "key 'joint_steps': "),
        ("{out: runs/x, joint: {batch: x}}", "key 'joint.batch': "),
        ("joint_steps: 2.5", "key 'joint_steps': "),
        ("joint_steps: true", "key 'joint_steps' cannot be True: it takes int"),
        ("joint: 5", "key 'joint' cannot be 5: it takes keys of its own"),
        ("data: true", "key 'data' cannot be True: it takes str"),
        ("data: null", "key 'data' cannot be None: it takes str"),
        ("data: [a, b]", "key 'data' cannot be ['a', 'b']: it takes str"),
        ("data: {a: 1}", "key 'data' cannot be {'a': 1}: it takes str"),
        ("policies: [[a]]", "key 'policies' cannot be [['a']]"),
        ("flow_head: {pairs: 1}", "key 'flow_head.pairs' cannot be 1: it takes bool"),
        ("out: ''", "key 'out': --out is empty"),
        ("[a, b]", "keys are needed"),
        ("a: [", "is not YAML"),
        ("joint_steps: 08", "is not YAML"),
        ("seed: 2000-13-01", "is not YAML"),
    ],
)
def test_a_mistake_in_a_file_is_a_sentence_with_file_and_key(text, said, file, capsys):
    path = file(text)
    assert run(["train", "world-model", "--config", path]) == 2
    error = capsys.readouterr().err
    assert path in error
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train gc-bc --config", "--config: the name of a YAML file is needed"),
        ("train gc-bc --config none.yaml", "none.yaml: no such file of options can be read"),
        ("train gc-bc --confg x.yaml", "did you mean --config?"),
        ("compare --config x.yaml", "unknown option '--config'"),
    ],
)
def test_a_mistake_with_the_option_is_a_sentence(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "trainings").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_files_of_the_repository_are_understood(path):
    assert options("train world-model", "--config", str(path)).out == f"runs/{path.stem}"


def test_a_key_that_is_given_twice_is_refused_and_merged_ones_are_not(tmp_path):
    path = tmp_path / "sweep.yaml"
    for text in (
        "tasks: [reach]\ntasks: [grasp]\n",
        "a:\n  x: 1\n  x: 1\n",
        "{seeds: 1, seeds: 2}",
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=r"line \d: the key '\w+' is given twice"):
            read_yaml(path, "sweep file")
    path.write_text("a: &a {x: 1, y: 2}\nb: &b {z: 3}\nc: {<<: *a, x: 4}\nd: {<<: [*a, *b]}\n")
    assert read_yaml(path, "sweep file")["c"] == {"x": 4, "y": 2}
