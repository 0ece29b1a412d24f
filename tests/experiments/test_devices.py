"""Every command with ``--device``: refused in a sentence where there is none, and run on CUDA."""

from __future__ import annotations

import json

import pytest
import torch

from agents.base import AGENTS
from experiments.bench import train as bench_train
from experiments.cli import run
from experiments.options.train_rl import PpoConfig, SacHerConfig, TqcHerConfig
from experiments.options.train_sac_latent import SacLatentConfig
from experiments.runs.spec import RunSpec
from experiments.train import gc_bc as train_gc_bc
from experiments.train import octo as train_octo
from experiments.train import rl as train_rl
from experiments.train import sac_latent as train_sac_latent
from tests.experiments.test_offline_policies import data_and_world, gc_bc_options, octo_options
from tests.experiments.test_train import encoder_run, model_run
from worldsim import load_world_model

DEVICE = "cuda"
LEARNT = tuple(name for name in AGENTS if name not in ("expert", "random"))
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
EPISODE = ["evaluate", "--task", "reach", "--seeds", "190000:190001"]
SMALL_RL = {"hidden": (16,), "eval_seeds": 1, "batch": 16, "steps": 40, "eval_every": 40}
PLAN = ["--samples", "8", "--iterations", "1", "--elites", "2", "--rounds", "1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("devices")
    data_and_world(root)
    return root


@pytest.mark.parametrize(
    "command",
    [
        *([*EPISODE, "--agent", name, "--out", "runs"] for name in LEARNT),
        ["bench", "plan"],
        ["bench", "train"],
        ["train", "world-model", "--out", "runs"],
        ["train", "encoder", "--out", "runs"],
        ["train", "octo-like", "--out", "runs"],
        ["train", "gc-bc", "--out", "runs"],
        ["train", "value", "--out", "runs"],
        ["train", "sac-her", "--out", "runs"],
        ["train", "tqc-her", "--out", "runs"],
        ["train", "ppo", "--out", "runs"],
        ["train", "sac-latent", "--out", "runs"],
    ],
    ids=lambda command: "-".join(
        part for part in command[:7] if part.isidentifier() or "-" in part
    ),
)
def test_a_device_that_is_not_there_is_one_sentence_and_leaves_nothing(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run([*command, "--device", "cuda:99"]) == 2
    said = capsys.readouterr().err
    assert "device 'cuda:99' cannot be used here" in said
    assert said.strip().count("\n") == 0
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["expert", "random"])
def test_agents_without_a_network_have_no_device(name, tmp_path, capsys):
    out = str(tmp_path / "runs")
    assert run([*EPISODE, "--agent", name, "--out", out, "--device", "cpu"]) == 2
    assert f"not of {name}" in capsys.readouterr().err


def test_a_device_is_part_of_what_an_outcome_depends_on(tmp_path):
    out = tmp_path / "run"
    assert run([*EPISODE, "--agent", "ppo", "--out", str(out), "--device", "cpu"]) == 0
    assert RunSpec.read(out).options == {"device": "cpu"}


@needs_cuda
@pytest.mark.parametrize("name", LEARNT)
def test_agents_act_on_cuda_as_well_as_on_the_processor(name, tmp_path):
    out = tmp_path / "run"
    assert run([*EPISODE, "--agent", name, "--out", str(out), "--device", DEVICE]) == 0
    assert json.loads((out / "summary.json").read_text())["successes"] == 1


@needs_cuda
@pytest.mark.parametrize("planner", ["icem", "mppi", "gradient", "lagrangian", "policy"])
def test_planners_plan_on_cuda(planner, tmp_path):
    out = str(tmp_path / "run")
    options = ["--agent", "world-model", "--planner", planner, "--device", DEVICE]
    assert run([*EPISODE, *options, "--out", out]) == 0


@needs_cuda
def test_world_models_train_on_cuda(place, tmp_path):
    data = str(place / "data")
    encoder_run(data, tmp_path / "encoder", device=DEVICE)
    model_run(data, tmp_path / "one", device=DEVICE)
    model_run(data, tmp_path / "two", tmp_path / "encoder", image_size=None, device=DEVICE)
    for name in ("one", "two"):
        weights = load_world_model(tmp_path / name).state_dict().values()
        assert all(weight.isfinite().all() for weight in weights)


@needs_cuda
@pytest.mark.parametrize("head", ["mlp", "flow"])
def test_gc_bc_trains_on_cuda(head, place, tmp_path):
    train_gc_bc.main(gc_bc_options(place, tmp_path, head=head, device=DEVICE))
    assert json.loads((tmp_path / "config.json").read_text())["algorithm"] == "gc-bc"


@needs_cuda
def test_octo_like_trains_on_cuda(place, tmp_path):
    train_octo.main(octo_options(place, tmp_path, device=DEVICE))
    assert json.loads((tmp_path / "config.json").read_text())["algorithm"] == "octo-like"


@needs_cuda
@pytest.mark.parametrize("kind", [SacHerConfig, TqcHerConfig, PpoConfig])
def test_agents_of_the_state_train_on_cuda(kind, tmp_path):
    changes = {"rollout": 20, "batch": 20} if kind is PpoConfig else {"gradient_steps": 1}
    config = kind(out=str(tmp_path), envs=2, device=DEVICE, **SMALL_RL | changes)
    train_rl.main(config)
    assert json.loads((tmp_path / "config.json").read_text())["algorithm"] == config.algorithm


@needs_cuda
def test_sac_latent_trains_on_cuda(place, tmp_path):
    world = str(place / "world")
    train_sac_latent.main(
        SacLatentConfig(model=world, out=str(tmp_path), device=DEVICE, **SMALL_RL)
    )
    assert json.loads((tmp_path / "config.json").read_text())["algorithm"] == "sac-latent"


@needs_cuda
def test_benchmarks_run_on_cuda(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_train, "EPISODES", 4)
    plan, train = str(tmp_path / "plan.json"), str(tmp_path / "train.json")
    assert run(["bench", "plan", *PLAN, "--device", DEVICE, "--json", plan]) == 0
    short = ["--rounds", "1", "--steps", "1", "--threads", "1"]
    assert run(["bench", "train", *short, "--device", DEVICE, "--json", train]) == 0
    assert json.loads((tmp_path / "plan.json").read_text())["device"] == DEVICE
