"""``worldsim landscape`` from end to end on an untrained model: numbers, pictures, refusals."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import envs
from experiments.analysis import landscape
from experiments.cli import run
from tests.worldsim.data.conftest import episode_of
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model


@pytest.fixture
def model(tmp_path):
    save_world_model(small_model(), tmp_path / "model")
    return str(tmp_path / "model")


def test_everything_is_measured_and_drawn(model, tmp_path, monkeypatch):
    monkeypatch.setattr(landscape, "SEEDS", 10)
    out, copy = tmp_path / "out", tmp_path / "copy.json"
    options = ["--model", model, "--out", str(out), "--transitions", "4", "--threads", "1"]
    assert run(["landscape", *options, "--json", str(copy)]) == 0
    found = json.loads((out / "summary.json").read_text())
    assert found == json.loads(copy.read_text())
    assert found["recipe"] == "joint"
    assert found["episodes"] == "seeds 100000:100010 (development)"
    energy = found["landscape"]
    assert (energy["transitions"], energy["near_contact"]) == (4, 2)
    assert 0 < energy["median_m"] < 0.26  # the diagonal of the box
    ranked = found["close_above_open"]
    assert 0 <= ranked["right"] <= ranked["states"]
    assert found["probes_mm"]["gripper_mean"] < found["probes_mm"]["gripper_guessing_the_mean"]
    assert found["read_out_mm"]["mean"] > found["probes_mm"]["gripper_mean"]  # it learnt nothing
    assert len(found["rollout"]["imagined"]) == len(found["rollout"]["copy_last"]) == 8
    for name in ("landscape", "rollout", "imagined"):
        picture = np.asarray(Image.open(out / f"{name}.png"))
        assert picture.std() > 0


@pytest.mark.parametrize("object_kind", ["cube", "milk"])
def test_object_positions_are_the_simulators(object_kind):
    env = envs.make("grasp", obs_mode="state", object=object_kind).unwrapped
    env.reset(seed=190_000)
    physics, places = [], []
    for _ in range(3):
        env.step(np.array([0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]))
        physics.append(env.state())
        places.append(env.scene.object_position())
    episode = episode_of(1, 3, task="grasp", physics=np.stack(physics))
    np.testing.assert_allclose(landscape.object_positions(episode), places, atol=1e-9)
    assert landscape.object_positions(episode_of(1, 3, task="reach")) is None
    imported = episode_of(1, 3, task="put it down", width=0)
    assert landscape.object_positions(imported) is None


def branch(seed: int, grip: float, risen: float) -> landscape.Seen:
    """What ``ranking`` looks at: a branch that closes or opens, and how far the object rose."""
    actions = np.zeros((5, 7), dtype=np.float32)
    actions[0, 6] = grip
    name = "branch-close-up" if grip > 0 else "branch-open-up"
    episode = SimpleNamespace(seed=seed, policy=name, branch_of=seed)
    objects = np.array([[0, 0, 0], [0, 0, risen]])
    return landscape.Seen(episode, SimpleNamespace(actions=actions), None, objects)


@pytest.mark.parametrize(("sign", "right"), [(-1.0, 1), (1.0, 0)])
def test_the_ranking_counts_states_in_which_only_closing_lifts(monkeypatch, sign, right):
    monkeypatch.setattr(landscape, "energy", lambda *_: lambda a: sign * a[:, 0, 6])
    seen = [
        *(branch(1, 1.0, 0.06), branch(1, -1.0, 0.0)),
        *(branch(2, 1.0, 0.06), branch(2, -1.0, 0.06)),  # lifted either way
        *(branch(3, 1.0, 0.0), branch(3, -1.0, 0.0)),  # missed
        branch(4, 1.0, 0.06),
    ]
    assert landscape.ranking(None, None, seen) == {"states": 1, "right": right}


def test_too_many_or_too_few_transitions_and_no_model_are_one_sentence(model, capsys, monkeypatch):
    monkeypatch.setattr(landscape, "SEEDS", 1)
    assert run(["landscape", "--model", model, "--transitions", "1"]) == 2
    assert run(["landscape", "--model", model, "--transitions", "100000"]) == 2
    assert run(["landscape", "--model", "nowhere"]) == 2
    errors = capsys.readouterr().err
    assert "at least 2 are needed" in errors
    assert "100000 transitions asked for: the episodes have" in errors
    assert "no world model 'nowhere'" in errors
