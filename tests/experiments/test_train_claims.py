"""Every training: one claim on its folder, sensible options, a card that says what it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch

from experiments.cli import COMMANDS
from experiments.train import rl as train_rl
from experiments.train.rl_env import start_statistics
from tests.worldsim.data.conftest import episode_of
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model
from worldsim.data import TrajectoryWriter
from worldsim.errors import UserError
from worldsim.training.options import GoalHeadConfig, JointConfig, PosttrainConfig, PretrainConfig

SIZES = {"image_size": 32, "width": 24, "depth": 1, "heads": 2}
PREDICTOR = {"predictor_width": 24, "predictor_depth": 1, "predictor_heads": 2}
STEPS = {"joint_steps": 1, "posttrain_steps": 1, "goal_head_steps": 1}
PARTS = {
    "joint": JointConfig(batch=2, predicted=2),
    "posttrain": PosttrainConfig(batch=2, frames=3, goals=2),
    "goal_head": GoalHeadConfig(batch=2),
}
PRACTICE = {"steps": 40, "eval_every": 40, "eval_seeds": 1, "hidden": (8,), "batch": 8, "envs": 2}
OFFLINE = {"encoder", "world-model", "octo-like", "gc-bc", "value"}
ON_LATENTS = ("gc-bc", "value", "sac-latent")
# Of every training: options of a short one, and an option that decides its result.
TRAININGS = {
    "encoder": ({"steps": 1, "pretrain": PretrainConfig(2, 4)} | SIZES | PREDICTOR, "rate"),
    "world-model": (STEPS | PARTS | SIZES | PREDICTOR, "joint_rate"),
    "octo-like": ({"steps": 1, "batch": 2} | SIZES, "learning_rate"),
    "gc-bc": ({"steps": 1, "batch": 2}, "learning_rate"),
    "value": ({"steps": 1, "batch": 2, "jump": 2}, "learning_rate"),
    "sac-her": (PRACTICE, "gamma"),
    "tqc-her": (PRACTICE, "tau"),
    "sac-latent": (PRACTICE, "learning_rate"),
    "ppo": (PRACTICE | {"rollout": 20}, "entropy"),
}
FILES = {"encoder": "card.json", "world-model": "card.json"}


def test_every_training_is_tried_here():
    commands = {n.removeprefix("train ") for n in COMMANDS if n.startswith("train ")}
    assert commands == set(TRAININGS)


def command(name):
    """Options' class and what runs them."""
    found = COMMANDS[f"train {name}"]
    return found.config()[0], found.run


def write_data(folder, policy="expert"):
    rng = np.random.default_rng(0)
    meta = {"cameras": ["left", "wrist"], "image_size": 32, "action_scale": [0.075] * 6 + [1.0]}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in meta["cameras"]}
    with TrajectoryWriter(folder, meta | {"recipe": "test", "versions": {}}) as writer:
        for seed in range(4):
            writer.append_group([episode_of(seed, images=images, policy=policy)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data set, a world model, and every training finished once."""
    root = tmp_path_factory.mktemp("trainings")
    write_data(root / "data")
    save_world_model(small_model(), root / "world")
    few = partial(start_statistics, count=20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train_rl, "start_statistics", few)
        for name in TRAININGS:
            config, main = command(name)
            main(config(**options(root, name)))
    return root


def options(root, name, **changes):
    found = TRAININGS[name][0] | {"out": str(root / name), "threads": 1}
    found |= {"data": str(root / "data")} if name in OFFLINE else {}
    found |= {"model": str(root / "world")} if name in ON_LATENTS else {}
    return found | changes


def held(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", TRAININGS)
def test_another_trainings_folder_is_refused_saying_what_differs(place, tmp_path, name):
    config, main = command(name)
    option = TRAININGS[name][1]
    mine = config(**options(place, name))
    before = held(place / name)
    was = getattr(mine, option)
    with pytest.raises(UserError, match=rf"{option}: {was} there, 0.125 here"):
        main(replace(mine, **{option: 0.125}))
    with pytest.raises(UserError, match=r"seed: 0 there, 1 here"):
        main(replace(mine, seed=1))
    other = "ppo" if name != "ppo" else "sac-her"
    with pytest.raises(UserError, match=f"holds a run of 'train {other}'"):
        main(replace(mine, out=str(place / other)))
    assert held(place / name) == before
    shutil.copytree(place / name, tmp_path / "unclaimed")
    (tmp_path / "unclaimed" / "run.json").unlink()
    with pytest.raises(UserError, match="of an unknown training"):
        main(replace(mine, out=str(tmp_path / "unclaimed")))
    (tmp_path / "unclaimed" / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        main(replace(mine, out=str(tmp_path / "unclaimed")))


@pytest.mark.parametrize("name", sorted(OFFLINE))
def test_other_data_are_refused_and_the_same_data_elsewhere_are_not(place, tmp_path, name):
    config, main = command(name)
    shutil.copytree(place / name, tmp_path / "run")
    write_data(tmp_path / "other", policy="expert-1")
    mine = config(**options(place, name, out=str(tmp_path / "run")))
    with pytest.raises(UserError, match=r"data\.policies: .* there"):
        main(replace(mine, data=str(tmp_path / "other")))
    shutil.copytree(place / "data", tmp_path / "moved")
    main(replace(mine, data=str(tmp_path / "moved"), threads=2))
    torch.set_num_threads(1)


def test_another_encoder_is_refused_and_the_same_one_elsewhere_is_not(place, tmp_path):
    for name in ON_LATENTS:
        config, main = command(name)
        shutil.copytree(place / name, tmp_path / name)
        mine = config(**options(place, name, out=str(tmp_path / name)))
        shutil.copytree(place / "world", tmp_path / f"moved-{name}")
        main(replace(mine, model=str(tmp_path / f"moved-{name}")))
        other = small_model()
        with torch.no_grad():
            other.encoder.norm.weight.add_(0.5)
        save_world_model(other, tmp_path / f"other-{name}")
        with pytest.raises(UserError, match=r"encoder: .* there"):
            main(replace(mine, model=str(tmp_path / f"other-{name}")))


@pytest.mark.parametrize("name", TRAININGS)
def test_cards_have_one_format_and_say_what_was(place, name):
    config, _ = command(name)
    mine = config(**options(place, name))
    card = json.loads((place / name / FILES.get(name, "config.json")).read_text())
    assert card["algorithm"] == name
    assert card["trainings"] == "one, with seed 0"
    assert card["minutes"] >= 0.0
    assert card["versions"]["torch"]
    assert set(card["training"]) == {option.name for option in fields(mine)}
    assert str(place) not in json.dumps(card["training"])
    if name in OFFLINE:
        assert card["episodes"]["count"] == 4
        assert card["frames"] == 24


def short_of(name, **changes):
    """Refused options of a training whose folders do not exist; nothing is looked at before."""
    config, main = command(name)
    known = {option.name for option in fields(config)}
    given = {"data": "nowhere", "out": "nowhere", "model": "nowhere"} | changes
    main(config(**{key: value for key, value in given.items() if key in known}))


@pytest.mark.parametrize("name", TRAININGS)
def test_what_cannot_be_trained_with_is_refused_before_anything_starts(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="seed -1: allowed is at least 0 and at most 4294967295"):
        short_of(name, seed=-1)
    with pytest.raises(UserError, match="threads 0: allowed is at least 1"):
        short_of(name, threads=0)
    with pytest.raises(UserError, match="out is empty"):
        short_of(name, out="")
    with pytest.raises(UserError, match="unknown tracker 'paper'"):
        short_of(name, tracker="paper")
    with pytest.raises(UserError, match=r"device 'warp' cannot be used here"):
        short_of(name, device="warp")
    rate = TRAININGS[name][1]
    with pytest.raises(UserError, match=rf"{rate} nan: allowed is"):
        short_of(name, **{rate: float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("world-model", "joint_steps", -1),
        ("world-model", "posttrain", PosttrainConfig(batch=0)),
        ("encoder", "steps", 0),
        ("octo-like", "batch", 0),
        ("gc-bc", "learning_rate", 0.0),
        ("gc-bc", "share", 1.5),
        ("sac-her", "batch", 0),
        ("sac-her", "hidden", (128, 0)),
        ("tqc-her", "gamma", 2.0),
        ("sac-latent", "goals_per_step", -3),
        ("ppo", "steps", 0),
        ("ppo", "entropy", -1.0),
    ],
)
def test_a_number_out_of_its_range_gets_one_sentence(name, option, value):
    with pytest.raises(UserError, match=rf"{option}.* allowed is (at least|more than) [01]"):
        short_of(name, **{option: value})


def test_what_is_refused_after_its_claim_leaves_the_folder_as_it_was(tmp_path):
    config, main = command("encoder")
    write_data(tmp_path / "data")
    mine = config(**options(tmp_path, "encoder", out=str(tmp_path / "out")))
    odd = replace(mine, pretrain=PretrainConfig(2, 5))
    with pytest.raises(UserError, match="clips of 5 frames"):
        main(odd)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()  # a person's own
    with pytest.raises(UserError, match="clips of 5 frames"):
        main(odd)
    assert not list((tmp_path / "out").iterdir())
    main(mine)
    before = held(tmp_path / "out")
    with pytest.raises(UserError, match=r"pretrain\.frames: 4 there, 5 here"):
        main(odd)
    assert held(tmp_path / "out") == before
