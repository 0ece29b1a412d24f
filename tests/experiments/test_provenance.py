"""Which weights made a number: they are named by content, and never mix in one folder."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

import envs
from agents.base import AGENTS, make_agent
from agents.checkpoint import SHIPPED
from envs.errors import UserError
from experiments.evaluate import evaluate
from experiments.runs.arms import Arm
from experiments.runs.runner import Runner
from experiments.runs.spec import RunSpec

SEEDS = (190_080, 190_081)
WITHOUT = {"expert", "random"}


@pytest.fixture
def weights(tmp_path):
    """A copy of the shipped reach policy, to be changed."""
    return shutil.copytree(SHIPPED / "sac-her" / "reach", tmp_path / "weights")


def spec_of(folder):
    return RunSpec("sac-her", "reach", options={"model": str(folder)})


def change(folder):
    path = folder / "actor.safetensors"
    tensors = load_file(path)
    first = next(iter(tensors))
    save_file(tensors | {first: tensors[first] + 1e-3}, path)


@pytest.mark.parametrize("name", sorted(AGENTS))
def test_every_agent_names_its_weights(name):
    spec = envs.make("reach", obs_mode="state", cameras=("left", "wrist")).unwrapped.env_spec
    found = getattr(make_agent(name, spec), "weights_digest", None)
    assert (found is None) == (name in WITHOUT)


def test_episodes_of_other_weights_do_not_join(weights, tmp_path):
    first = evaluate(spec_of(weights), SEEDS[:1], tmp_path / "run")
    change(weights)
    with pytest.raises(UserError, match=f"other weights of sac-her .*{first['weights']}"):
        evaluate(spec_of(weights), SEEDS, tmp_path / "run")
    assert len((tmp_path / "run" / "episodes.jsonl").read_text().splitlines()) == 1
    other = evaluate(spec_of(weights), SEEDS[:1], tmp_path / "other")
    assert other["weights"] != first["weights"]
    assert other["run_key"] != first["run_key"]


def test_the_same_weights_go_on_from_another_place(weights, tmp_path):
    first = evaluate(spec_of(weights), SEEDS[:1], tmp_path / "run")
    moved = weights.rename(tmp_path / "moved")
    again = evaluate(spec_of(moved), SEEDS, tmp_path / "run")
    shipped = evaluate(RunSpec("sac-her", "reach"), SEEDS[:1], tmp_path / "shipped")
    assert again["n"] == 2
    assert first["run_key"] == again["run_key"] == shipped["run_key"]


def test_weights_replaced_while_a_run_goes_on_are_noticed(weights):
    spec = Runner(spec_of(weights)).spec
    change(weights)
    with pytest.raises(UserError, match="replaced meanwhile"):
        Runner(spec)


def test_results_without_a_digest_are_read_but_not_gone_on_with(weights, tmp_path):
    folder = tmp_path / "run"
    evaluate(spec_of(weights), SEEDS[:1], folder)
    path = folder / "spec.json"
    old = json.loads(path.read_text())
    del old["weights"]
    path.write_text(json.dumps(old))
    assert Arm.of(folder).summary["n"] == 1
    with pytest.raises(UserError, match="do not say of which weights"):
        evaluate(spec_of(weights), SEEDS, folder)


def test_an_agent_without_weights_keeps_the_key_it_had():
    assert RunSpec("random", "reach", threads=2).key == (
        "a8b29fd7ec4e689d0c86482600c10ca09fe842a526fb1bd3cc182c56dc60d036"
    )
