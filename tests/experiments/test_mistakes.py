"""Mistakes on the command line: one sentence, before anything is made or written."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest

from envs.errors import UserError
from experiments.cli import COMMANDS, run
from experiments.compare import agents_of
from experiments.options.compare import CompareConfig

SWEEP = "agents: [{agent: world-model}]\ntasks: [reach]\nseeds: 190000:190002\n"
EVALUATE = ["--agent", "random", "--task", "reach", "--out", "out"]
ONE_THREAD = [
    ["landscape"],
    ["diagnose"],
    ["bench", "plan"],
    ["bench", "train"],
    *(name.split() for name in COMMANDS if name.startswith("train ")),
]


@pytest.fixture
def sentence(tmp_path, monkeypatch, capsys):
    """What a command line says that is a mistake; nothing may be left of it."""
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(SWEEP)
    Path("taken").mkdir()
    Path("taken/spec.json").write_text("{}")

    def said(words: list[str]) -> str:
        assert run(words) == 2
        assert sorted(path.name for path in tmp_path.rglob("*")) == [
            *("spec.json", "sweep.yaml", "taken"),
        ]
        error = capsys.readouterr().err
        assert error.startswith("worldsim ")
        assert error.count("\n") == 1
        return error

    return said


@pytest.mark.parametrize("threads", ["0", "-1", "100000"])
@pytest.mark.parametrize("command", ONE_THREAD, ids=" ".join)
def test_threads_that_no_machine_has_are_refused(command, threads, sentence):
    assert "threads" in sentence([*command, "--threads", threads])


@pytest.mark.parametrize(
    "words",
    [
        *(["collect", "--out", ""], ["collect", "--out", " "], ["collect", "--out="]),
        *(["results", "x", "--out", ""], ["render", "x", "--out", ""], ["pack", "x", "--out", ""]),
        *(["landscape", "--out", ""], ["diagnose", "--out", ""], ["train", "ppo", "--out", ""]),
        *(["data", "export", "x", "--out", ""], ["data", "import", "x", "--out", ""]),
    ],
    ids=" ".join,
)
def test_an_empty_folder_is_not_the_working_directory(words, sentence):
    assert "--out is empty" in sentence(words)


@pytest.mark.parametrize("command", ["report", "results", "render", "learning", "data info"])
def test_no_folder_is_not_the_working_directory(command, sentence):
    assert "a word is empty" in sentence([*command.split(), ""])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["collect", "--workers", "-1"], "workers -1"),
        (["collect", "--image-size", "0"], "16 to 1024"),
        (["collect", "--cameras", "left", "left"], "a name is given twice"),
        (["collect", "--preset", "tiny", "--out", "taken"], "holds something else"),
        (["train", "sac-her", "--out", "taken"], "holds something else"),
        (["train", "sac-her", "--envs", "100000"], "at most 1024"),
        (["bench", "env", "--rounds", "0"], "at least 1 round"),
        (["bench", "render", "--frames", "-1"], "at least 1 frame"),
        (["data", "contact-sheet", "x", "--seed", "-1"], "seeds from 0 on"),
        (["data", "contact-sheet", "x", "--frames", "100000"], "up to 200 frames"),
        (["landscape", "--cost.latent", "nan"], "latent must be a finite number"),
        (["train", "world-model", "--posttrain.frames", "2"], "at least 3"),
        (["train", "world-model", "--joint.frames", "1"], "at least 2"),
        (["train", "gc-bc", "--batch", "9" * 25], "at most 2147483647"),
    ],
)
def test_a_number_out_of_its_range_is_refused(words, named, sentence):
    assert named in sentence(words)


@pytest.mark.parametrize(
    "words",
    [
        *([*name.split(), "--json", "taken"] for name in COMMANDS if name.startswith("bench ")),
        ["landscape", "--json", "taken"],
        ["landscape", "--out", "sweep.yaml"],
        ["diagnose", "--out", "sweep.yaml"],
        ["sweep", "sweep.yaml", "--dry-run", "--out", "sweep.yaml/x"],
    ],
    ids=" ".join,
)
def test_a_result_that_could_not_be_written_is_not_worked_for(words, sentence):
    assert "folder" in sentence(words)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("tasks=[", "override 'tasks=[' is not YAML"),
        ("variation=5", "variation 5: a name is needed"),
        ("variation=held-out:rom", "held-out:FACTOR[:1-3]"),
        ("agents=[{agent: world-model, cost: {latent: .nan}}]", "cost.latent: a number is needed"),
        ("agents=[{agent: world-model, search: {spread: .inf}}]", "search.spread: a number"),
        ("agents=[{agent: world-model, surprise: .nan}]", "surprise: a number is needed"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(override, named, sentence):
    said = sentence(["sweep", "sweep.yaml", "--out", "out", "--force", "--set", override])
    assert named in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["diagnose", "--seeds", "201000:201002"], "diagnoses come from 100000 to 109999; --force"),
        (["diagnose", "--seeds", "5:7"], "overlap the training seeds (0 to 99999)"),
        (["compare", "--seeds", "5:7"], "results come from 201000 to 201199; --force"),
        (["compare", "--seeds", "201199:201201"], "overlap the reserved seeds"),
        (["evaluate", *EVALUATE, "--seeds", "201200:201201"], "overlap the reserved seeds"),
    ],
)
def test_seeds_that_are_for_something_else_are_refused(words, named, sentence):
    assert named in sentence(words)


@pytest.mark.parametrize("command", ["diagnose", "compare", "evaluate"])
def test_what_is_refused_names_an_option_that_there_is(command):
    options, _ = COMMANDS[command].config()
    assert "force" in {field.name for field in fields(options)}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["compare", "--agents", "random,random"], "agents 'random,random': a name is"),
        (
            ["compare", "--agents", "random", "--tasks", "reach,reach"],
            "tasks 'reach,reach': a name",
        ),
        (["compare", "--agents", "random,"], "agents 'random,': a name is empty"),
        (["compare", "--agents", "random", "--cameras", "left,left"], "cameras 'left,left'"),
        (
            ["diagnose", "--arms", "shipped,shipped"],
            "arms 'shipped,shipped': a name",
        ),
        (["evaluate", *EVALUATE, "--seeds", "190000", "--cameras", "left,left"], "given twice"),
    ],
)
def test_a_name_that_is_given_twice_is_refused(words, named, sentence):
    assert named in sentence(words)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1: Connection refused"),
        ("ray://127.0.0.1:1", "no Ray cluster answers at ray://127.0.0.1:1"),
        ("nowhere.invalid:6379", "no Ray cluster answers at nowhere.invalid:6379"),
        ("garbage", "Ray address 'garbage' is not understood: allowed are host:port"),
        ("host:99999", "is not understood"),
    ],
)
def test_a_ray_cluster_that_is_not_there_is_said_at_once(address, named, sentence):
    pytest.importorskip("ray")
    started = time.perf_counter()
    assert named in sentence(["sweep", "sweep.yaml", "--executor", "ray", "--address", address])
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("sweep sweep.yaml --executor slurm --slurm partition", "NAME=VALUE is needed"),
        ("sweep sweep.yaml --executor slurm --slurm a=[", "--slurm 'a=[' is not YAML"),
        ("sweep sweep.yaml --slurm a=1", "--slurm is for the executor slurm, not for local"),
        ("sweep sweep.yaml --address auto", "--address is for the executor ray, not for local"),
        ("compare --agents ppo --tasks pick-place --out out", "nothing can be run: ppo on pick-pl"),
        ("upload taken https://huggingface.co/me/tiny", "is no address on the hub: allowed are hf"),
        ("upload taken s3://mine/tiny", "is no address on the hub: allowed are hf://OWNER/NAME"),
        ("download me/tiny --out out", "allowed are folders, hf://OWNER/NAME"),
        ("results taken --out sweep.yaml", "sweep.yaml is a file: give a folder"),
        ("landscape --cost.latent 0", "one of its weights must be above 0"),
    ],
)
def test_what_would_have_no_effect_or_go_elsewhere_is_refused(words, named, sentence):
    assert named in sentence(words.split())


def test_weights_that_are_not_shipped_are_said_with_what_makes_them():
    config = CompareConfig(agents="ppo,random", tasks="pick-place")
    runs, absent = agents_of(config)
    assert [run.spec.agent for run in runs] == ["random"]
    assert absent == [
        "ppo on pick-place: no weights of ppo for pick-place are shipped: train them with "
        "'worldsim train ppo --task pick-place' and give their folder"
    ]


def test_rearrangements_are_compared_by_those_that_learnt_from_play():
    config = CompareConfig(agents="world-model,gc-bc,random", tasks="reach,rearrange-2")
    runs, absent = agents_of(config)
    found = [(run.spec.task, run.spec.agent, run.spec.goal, run.spec.options) for run in runs]
    play = {"model": "play"}
    assert found == [
        ("reach", "world-model", "subgoals", {}),
        ("reach", "gc-bc", "subgoals", {}),
        ("reach", "random", "subgoals", {}),
        ("rearrange-2", "world-model", "final", {**play, "planner": "moves"}),
        ("rearrange-2", "world-model", "final", {**play, "planner": "policy"}),
        ("rearrange-2", "random", "final", {}),
    ]
    assert absent == ["gc-bc on rearrange-2: no weights that learnt from play are shipped"]
    with pytest.raises(UserError, match="agent"):
        agents_of(CompareConfig(agents="wurld-model", tasks="rearrange-2"))


def test_slurm_jobs_where_there_is_no_slurm_are_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    Path("sweep.yaml").write_text("agents: [random]\ntasks: [reach]\nseeds: 190000:190002\n")
    assert run(["sweep", "sweep.yaml", "--executor", "slurm"]) == 2
    assert "no SLURM jobs can be made here" in capsys.readouterr().err
