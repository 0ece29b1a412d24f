"""Training from the command line: stage 1, then stage 2 on it, and no recipe taken for another."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from experiments.options.train_encoder import EncoderTraining
from experiments.options.train_world_model import WorldModelTraining
from experiments.train import arrays
from experiments.train.encoder import main as train_encoder
from experiments.train.world_model import ENCODER_SIZES, PREDICTOR_SIZES
from experiments.train.world_model import main as train_world_model
from tests.worldsim.data.conftest import episode_of
from worldsim import load_world_model
from worldsim.data import TrajectoryDataset, TrajectoryWriter
from worldsim.training import loop, prompt
from worldsim.training.options import (
    FlowHeadConfig,
    GoalHeadConfig,
    JointConfig,
    MovesTraining,
    PosttrainConfig,
    PretrainConfig,
)
from worldsim.vjepa2 import Encoder, EncoderConfig
from worldsim.vjepa2.checkpoints import Checkpoint, read, write

SIZES = {"image_size": 32, "width": 24, "depth": 1, "heads": 2, "threads": 1}
MOVES = ("proposals_steps", "outcome_steps", "executor_steps")
OWN_MOVES = MovesTraining(batch=4, demonstrators=("expert",))
PREDICTORS = {"predictor_width": 24, "predictor_depth": 1, "predictor_heads": 2}


@pytest.fixture
def data(tmp_path):
    """Six episodes of 32 px."""
    rng = np.random.default_rng(0)
    meta = {"cameras": ["left", "wrist"], "image_size": 32, "control_period": 0.25}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in meta["cameras"]}
    with TrajectoryWriter(tmp_path / "data", meta | {"recipe": "test", "versions": {}}) as writer:
        for seed in range(6):
            writer.append_group([episode_of(seed, images=images, policy="expert")])
    return str(tmp_path / "data")


@pytest.fixture
def held(data, tmp_path):
    """The same number of episodes, in each of which something is taken and let go."""
    rng = np.random.default_rng(0)
    meta = {"cameras": ["left", "wrist"], "image_size": 32, "control_period": 0.25}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in meta["cameras"]}
    with TrajectoryWriter(tmp_path / "held", meta | {"recipe": "test", "versions": {}}) as writer:
        for seed in range(6):
            episode = episode_of(seed, images=images, policy="expert")
            episode.proprio[:, 6] = [0.0, 0.5, 0.5, 0.5, 0.2, 0.0]
            episode.target[:, 6] = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
            writer.append_group([episode])
    return str(tmp_path / "held")


def encoder_run(data, out, **changes):
    pretrain = PretrainConfig(batch=4, frames=4)
    options = {"data": data, "out": str(out), "steps": 2, "pretrain": pretrain}
    train_encoder(EncoderTraining(**options | SIZES | PREDICTORS | changes))


def model_run(data, out, encoder=None, **changes):
    parts = {
        "joint": JointConfig(batch=4, predicted=4),
        "posttrain": PosttrainConfig(batch=4, frames=3, goals=4),
        "goal_head": GoalHeadConfig(batch=4),
        "flow_head": FlowHeadConfig(batch=4),
    }
    steps = {"joint_steps": 1, "posttrain_steps": 2, "goal_head_steps": 1}
    options = {"data": data, "out": str(out), **steps}
    options |= {"encoder": None if encoder is None else str(encoder)}
    fixed = () if encoder is None else ENCODER_SIZES
    fixed = (*ENCODER_SIZES, *PREDICTOR_SIZES) if changes.get("start") else fixed
    sizes = {name: size for name, size in (SIZES | PREDICTORS).items() if name not in fixed}
    train_world_model(WorldModelTraining(**options | sizes | parts | changes))


def test_stage_two_freezes_stage_ones_encoder_and_says_so(data, tmp_path):
    encoder_run(data, tmp_path / "encoder")
    model_run(data, tmp_path / "model", tmp_path / "encoder", image_size=None)
    model = load_world_model(tmp_path / "model")
    assert model.config.recipe == "two-stage"
    assert json.loads((tmp_path / "model" / "card.json").read_text())["recipe"] == "two-stage"
    assert not (tmp_path / "model" / "joint.pt").exists()
    trained = read(tmp_path / "encoder").module("encoder")
    assert model.config.encoder == trained.config
    with pytest.raises(ValueError, match=r"width: .*encoder has its own, leave them out"):
        model_run(data, tmp_path / "model", tmp_path / "encoder", width=48)
    for name, weights in trained.state_dict().items():
        torch.testing.assert_close(model.encoder.state_dict()[name], weights.half().float())


def test_a_foreign_encoder_is_frozen_referred_to_and_resumed(data, tmp_path, capsys):
    encoder = Encoder(EncoderConfig(img_size=48, embed_dim=24, depth=1, num_heads=2))
    write(Checkpoint.of({"encoder": encoder}), tmp_path / "vit.pt", "official")
    out = tmp_path / "model"
    model_run(data, out, tmp_path / "vit.pt", image_size=None)  # stored frames have 32 px
    assert "encoding 36 frames takes about" in capsys.readouterr().out
    assert (out / "latents.bf16").stat().st_size == 36 * 2 * 9 * 24 * 2
    model = load_world_model(out)
    assert (model.image_size, model.tokens(2)) == (48, 18)
    weights = load_file(out / "model.safetensors")
    assert weights
    assert not [name for name in weights if name.startswith("encoder.")]
    before = (out / "latents.bf16").stat().st_mtime_ns
    model_run(data, out, tmp_path / "vit.pt", image_size=None)
    assert (out / "latents.bf16").stat().st_mtime_ns == before


def test_recipes_do_not_share_a_folder_or_an_encoder(data, tmp_path):
    encoder_run(data, tmp_path / "encoder")
    encoder_run(data, tmp_path / "other", seed=1)
    model_run(data, tmp_path / "joint")
    model_run(data, tmp_path / "two-stage", tmp_path / "encoder")
    assert load_world_model(tmp_path / "joint").config.recipe == "joint"
    before = {p: p.read_bytes() for p in tmp_path.glob("*/*.*") if p.is_file()}
    with pytest.raises(ValueError, match=r'recipe: "joint" there, "two-stage" here'):
        model_run(data, tmp_path / "joint", tmp_path / "encoder")
    with pytest.raises(ValueError, match=r'recipe: "two-stage" there, "joint" here'):
        model_run(data, tmp_path / "two-stage")
    with pytest.raises(ValueError, match=r"encoder: .* there"):
        model_run(data, tmp_path / "two-stage", tmp_path / "other")
    with pytest.raises(ValueError, match="holds a run of 'train encoder'"):
        model_run(data, tmp_path / "encoder", tmp_path / "encoder")
    with pytest.raises(ValueError, match="whole world model"):
        model_run(data, tmp_path / "new", tmp_path / "joint")
    with pytest.raises(ValueError, match="holds a run of 'train world-model'"):
        encoder_run(data, tmp_path / "joint")
    assert {p: p.read_bytes() for p in before} == before
    assert not (tmp_path / "new").exists()


def test_data_without_demonstrations_are_refused_before_training(data, tmp_path):
    nobody = PosttrainConfig(demonstrators=("nobody",))
    with pytest.raises(ValueError, match=r"collected by nobody: allowed are prefixes of expert"):
        model_run(data, tmp_path / "model", posttrain=nobody)
    assert not (tmp_path / "model").exists()


def test_a_flow_heads_demonstrators_matter_only_where_one_is_trained(data, tmp_path):
    nobody = FlowHeadConfig(batch=4, demonstrators=("nobody",))
    model_run(data, tmp_path / "without", flow_head=nobody)
    assert not load_world_model(tmp_path / "without").config.flow
    with pytest.raises(ValueError, match="collected by nobody"):
        model_run(data, tmp_path / "with", flow_head=nobody, flow_head_steps=1)


def test_a_training_that_goes_on_from_a_flow_head_has_none_or_one_of_its_own(data, tmp_path):
    model_run(data, tmp_path / "first", flow_head_steps=1)
    start = {"start": str(tmp_path / "first")}
    model_run(data, tmp_path / "none", **start)
    own = FlowHeadConfig(batch=4, guidance=3.0, pairs=True, draws=4)
    model_run(data, tmp_path / "own", flow_head_steps=2, flow_head=own, **start)
    models = [load_world_model(tmp_path / name) for name in ("first", "none", "own")]
    assert [model.config.flow for model in models] == [True, False, True]
    kept = [(c.guidance, c.pairs, c.draws) for c in (model.config for model in models)]
    assert kept == [(1.5, False, 1), (1.5, False, 1), (3.0, True, 4)]


def test_altered_pictures_teach_the_joint_part_and_copies_the_others(data, tmp_path):
    long = {"joint_steps": 12, "posttrain_steps": 12}
    model_run(data, tmp_path / "plain", **long)
    model_run(data, tmp_path / "copies", copies=1, **long)
    joint = JointConfig(batch=4, predicted=4, altered=True)
    model_run(data, tmp_path / "altered", joint=joint, **long)
    plain, copies, altered = (
        load_world_model(tmp_path / name).state_dict() for name in ("plain", "copies", "altered")
    )
    encoder = [name for name in plain if name.startswith("encoder.")]
    assert all(torch.equal(plain[name], copies[name]) for name in encoder)
    assert not all(torch.equal(plain[name], altered[name]) for name in encoder)
    assert not torch.equal(plain["readout.token.weight"], copies["readout.token.weight"])
    with pytest.raises(ValueError, match="copies: neither moves nor"):
        model_run(data, tmp_path / "moves", copies=1, moves=OWN_MOVES, **dict.fromkeys(MOVES, 1))


def test_parts_of_no_steps_are_left_as_the_model_started(data, tmp_path):
    model_run(data, tmp_path / "first", flow_head_steps=1)
    none = {"joint_steps": 0, "posttrain_steps": 0, "goal_head_steps": 0}
    with pytest.raises(ValueError, match="give start"):
        model_run(data, tmp_path / "nothing", **none)
    start = {"start": str(tmp_path / "first")}
    model_run(data, tmp_path / "same", **start, **none)
    with pytest.raises(ValueError, match="proposals, outcome, executor"):
        model_run(data, tmp_path / "some", moves=OWN_MOVES, executor_steps=1, **start, **none)
    models = [load_world_model(tmp_path / name) for name in ("first", "same")]
    assert models[0].config.starts == models[1].config.starts is not None
    first, same = (model.state_dict() for model in models)
    assert first.keys() == same.keys()  # the flow head is still there: its latents are
    for name, value in first.items():
        torch.testing.assert_close(same[name], value, atol=0, rtol=0)


def test_a_model_learns_moves_and_one_network_anew(held, tmp_path, monkeypatch):
    monkeypatch.setattr(prompt, "_STEPS", 20)
    model_run(held, tmp_path / "world")
    none = {"joint_steps": 0, "posttrain_steps": 0, "goal_head_steps": 0, "moves": OWN_MOVES}
    start = {"start": str(tmp_path / "world")}
    model_run(held, tmp_path / "first", **start, **none, **dict.fromkeys(MOVES, 2))
    start = {"start": str(tmp_path / "first")}
    model_run(held, tmp_path / "second", **start, **none, executor_steps=3)
    first, second = (load_world_model(tmp_path / name) for name in ("first", "second"))
    assert first.config.moves
    assert second.config.moves
    changed = {
        name
        for name, value in first.state_dict().items()
        if not torch.equal(value, second.state_dict()[name])
    }
    assert changed
    assert all(name.startswith("moves.executor") for name in changed)
    # Other latents are not those that moves were learnt on.
    model_run(held, tmp_path / "third", start=str(tmp_path / "second"))
    assert not load_world_model(tmp_path / "third").config.moves


def test_a_training_goes_on_from_a_model_with_finer_pictures(data, tmp_path):
    model_run(data, tmp_path / "coarse", image_size=16)
    model_run(data, tmp_path / "other", image_size=16, seed=1)
    start = {"start": str(tmp_path / "coarse"), "image_size": 32}
    model_run(data, tmp_path / "fine", **start)
    coarse, fine = (load_world_model(tmp_path / name) for name in ("coarse", "fine"))
    assert (coarse.image_size, fine.image_size) == (16, 32)
    assert fine.encoder.grid == coarse.encoder.grid
    assert fine.encoder.width == coarse.encoder.width == 24
    with pytest.raises(ValueError, match=r"width, predictor_depth: .*coarse has its own"):
        model_run(data, tmp_path / "wide", **start, width=48, predictor_depth=3)
    name = "blocks.0.attn.qkv.weight"
    moved = fine.encoder.state_dict()[name] - coarse.encoder.state_dict()[name]
    assert 0 < moved.abs().max() < 0.01  # one step away from where it started
    assert (
        json.loads((tmp_path / "fine" / "card.json").read_text())["training"]["start"] == "coarse"
    )
    with pytest.raises(ValueError, match=r"start: .* there"):
        model_run(data, tmp_path / "fine", **start | {"start": str(tmp_path / "other")})
    with pytest.raises(ValueError, match="either start"):
        model_run(data, tmp_path / "new", tmp_path / "coarse", **start)


def test_frames_that_do_not_fit_in_memory_are_mapped(data, tmp_path, monkeypatch):
    found, chosen = TrajectoryDataset(data), np.ones(6, dtype=bool)
    held = arrays.load_arrays(found, 32, chosen, tmp_path)
    assert not list(tmp_path.glob("frames-*"))
    monkeypatch.setattr(arrays, "MEMORY_SHARE", 0.0)
    mapped = arrays.load_arrays(found, 32, chosen, tmp_path)
    assert len(list(tmp_path.glob("frames-*"))) == 1
    assert np.array_equal(mapped.frames, held.frames)


def stop_in(monkeypatch, part, step):
    """Send a signal in the so-manieth step of a part."""
    update, calls = loop._update, []

    def interrupted(name, *arguments):
        if name == part:
            calls.append(name)
            if len(calls) == step:
                os.kill(os.getpid(), signal.SIGTERM)
        return update(name, *arguments)

    monkeypatch.setattr(loop, "_update", interrupted)


def test_a_rebuilt_model_and_a_resumed_one_have_the_same_bytes(data, tmp_path, monkeypatch):
    parts = ("joint", "posttrain", "goal-head", "flow-head")
    steps = {f"{part.replace('-', '_')}_steps": 3 for part in parts}
    for name in ("first", "again"):
        model_run(data, tmp_path / name, **steps)
    for part in parts:  # one training, interrupted in each of its parts
        with monkeypatch.context() as patched:
            stop_in(patched, part, 2)
            with pytest.raises(SystemExit):
                model_run(data, tmp_path / "cut", **steps)
        assert torch.load(tmp_path / "cut" / f"{part}.pt", weights_only=True)["step"] == 2
    model_run(data, tmp_path / "cut", **steps)
    first, again, cut = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "again", "cut")
    )
    assert first == again == cut
    cards = [json.loads((tmp_path / n / "card.json").read_text()) for n in ("first", "cut")]
    assert cards[0]["losses"] == cards[1]["losses"]
