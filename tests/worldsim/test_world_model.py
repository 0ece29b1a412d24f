"""The world model's interface: shapes, views, rollouts, saving."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from worldsim import load_world_model
from worldsim.checkpoint import CheckpointError, save_world_model
from worldsim.context import Context
from worldsim.errors import UserError
from worldsim.states import decode_state, encode_state, relative_action
from worldsim.vjepa2 import ACPredictor, ACPredictorConfig, Encoder, EncoderConfig
from worldsim.vjepa2.checkpoints import Checkpoint, write
from worldsim.world_model import WorldModel, WorldModelConfig


def small_model(stem: str = "patch") -> WorldModel:
    """Random weights, two 32 px views."""
    torch.manual_seed(0)
    encoder = EncoderConfig(img_size=32, embed_dim=24, depth=2, num_heads=4, stem=stem)
    predictor = ACPredictorConfig(
        grid=(4, 2), embed_dim=24, predictor_embed_dim=24, depth=2, num_heads=4, state_dim=10
    )
    return WorldModel(WorldModelConfig("joint", ("left", "wrist"), encoder, predictor)).eval()


def pose(rng: np.random.Generator) -> np.ndarray:
    """A plausible (7,) pose of a downward gripper."""
    return np.array([0.5, 0.0, 0.1, np.pi, 0.0, 0.1, 0.2]) + rng.normal(0, 0.02, 7) * [1] * 7


def context(model: WorldModel, frames: int) -> Context:
    """A random context of some frames."""
    rng = np.random.default_rng(1)
    latents = torch.randn(frames, model.tokens(2), 24)
    proprio = np.stack([pose(rng) for _ in range(frames)])
    actions = rng.normal(0, 0.05, (frames - 1, 7))
    return Context(latents, actions, proprio, pose(rng))


def test_latents_are_normalised_and_views_are_stacked():
    model, rng = small_model(), np.random.default_rng(0)
    images = {c: rng.integers(0, 255, (3, 64, 64, 3), dtype=np.uint8) for c in ("left", "wrist")}
    with torch.inference_mode():
        both, left = model.encode(images), model.encode({"left": images["left"]})
    assert both.shape == (3, 8, 24)
    torch.testing.assert_close(both[:, :4], left)
    torch.testing.assert_close(both.mean(-1), torch.zeros(3, 8), atol=1e-5, rtol=0)


def test_wrong_frames_are_refused():
    model = small_model()
    frame = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="left or left,wrist"):
        model.encode({"wrist": frame})
    with pytest.raises(ValueError, match="uint8"):
        model.encode({"left": frame.astype(np.float32)})


@pytest.mark.parametrize("frames", [1, 2])
def test_a_rollout_is_repeated_prediction(frames):
    model = small_model()
    start = context(model, frames)
    actions = torch.rand(5, 3, 7) * 2 - 1
    with torch.inference_mode():
        latents, states = model.rollout(start, actions)
        # By hand, for one candidate, with the full forward pass at every step.
        scale = np.array(model.config.action_scale)
        commands = actions[2].double().numpy() * scale
        seen, past = [*start.latents], list(start.actions)
        poses, target = list(start.proprio), start.target
        for step in range(3):
            past.append(relative_action(target, commands[step], poses[-1]))
            prediction = model.predict(
                torch.stack(seen)[None],
                torch.as_tensor(np.stack(past), dtype=torch.float32)[None],
                torch.as_tensor(np.stack(poses), dtype=torch.float32)[None],
            )[0, -1]
            torch.testing.assert_close(latents[2, step], prediction, atol=1e-4, rtol=1e-4)
            seen.append(prediction)
            poses.append(states[2, step].double().numpy())
            target = np.concatenate([poses[-1][:6], [target[6] + commands[step, 6]]])
            target[6] = np.clip(target[6], 0, 1)


def test_candidates_do_not_influence_each_other():
    model = small_model()
    start, actions = context(model, 2), torch.rand(6, 2, 7) * 2 - 1
    with torch.inference_mode():
        together = model.rollout(start, actions)[0]
        alone = model.rollout(start, actions[3:4])[0]
    torch.testing.assert_close(together[3:4], alone, atol=1e-5, rtol=1e-5)


def test_states_survive_encoding():
    rng = np.random.default_rng(0)
    states = torch.as_tensor(np.stack([pose(rng) for _ in range(10)]), dtype=torch.float32)
    decoded = decode_state(encode_state(states))
    turn = torch.remainder(decoded[:, 3:6] - states[:, 3:6] + np.pi, 2 * np.pi) - np.pi
    torch.testing.assert_close(turn, torch.zeros_like(turn), atol=1e-5, rtol=0)
    torch.testing.assert_close(decoded[:, [0, 1, 2, 6]], states[:, [0, 1, 2, 6]])


def test_saved_models_come_back_and_damage_is_named(tmp_path):
    model = small_model()
    save_world_model(model, tmp_path / "m", dtype=torch.float32)
    loaded = load_world_model(tmp_path / "m")
    for a, b in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(CheckpointError, match="no world model"):
        load_world_model(tmp_path / "nothing")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_world_model(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["format"] = "other"
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_world_model(tmp_path / "m")


# -- released weights ------------------------------------------------------------------------------


def released_file(path: Path, img_size: int = 32, predictor_width: int = 48) -> Path:
    """An official file of a tiny architecture."""
    encoder = Encoder(EncoderConfig(img_size=img_size, embed_dim=48, depth=2, num_heads=2))
    predictor = ACPredictor(ACPredictorConfig((2, 2), predictor_width, 24, depth=2, num_heads=2))
    write(Checkpoint.of({"encoder": encoder, "ac_predictor": predictor}), path, "official")
    return path


@torch.inference_mode()
def test_released_weights_give_the_same_interface(tmp_path):
    model = load_world_model(released_file(tmp_path / "vjepa2-ac-small.pt"))
    assert model.config.recipe == "official"
    frames = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    latents = model.encode({"left": frames})
    assert latents.shape == (2, 4, 48)
    torch.testing.assert_close(latents.mean(-1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    here = pose(np.random.default_rng(0))
    here[6] = 0.2
    context = Context(latents[:1], np.zeros((0, 7)), here[None], here)
    actions = torch.zeros(1, 1, 7)
    actions[0, 0] = torch.tensor([1.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.5])
    imagined, states = model.rollout(context, actions)
    # Upstream: physical actions and raw states go in; poses are integrated, closedness as told.
    command = torch.tensor([[[0.075, -0.075, 0.0375, 0.0, 0.0, 0.0, 0.5]]])
    state = torch.as_tensor(here, dtype=torch.float32).view(1, 1, 7)
    expected = model.normalise(model.predictor(latents[:1], command, state))
    torch.testing.assert_close(imagined[0, 0], expected[0], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(states[0, 0, :3] - here[:3], [0.075, -0.075, 0.0375], atol=1e-6)
    assert float(states[0, 0, 6]) == pytest.approx(0.7)


def test_what_released_weights_lack_is_said(tmp_path):
    model = load_world_model(released_file(tmp_path / "a.pt"))
    with pytest.raises(ValueError, match="no read-out and no goal head"):
        model.read_out(torch.zeros(1, 4, 48))
    with pytest.raises(CheckpointError, match="does not fit its encoder"):
        load_world_model(released_file(tmp_path / "b.pt", img_size=64))
    encoder = Encoder(EncoderConfig(img_size=32, embed_dim=48, depth=1, num_heads=2))
    write(Checkpoint.of({"encoder": encoder}), tmp_path / "hf", "hugging-face")
    with pytest.raises(CheckpointError, match=r"no ac_predictor: .*vjepa2-ac-vitg\.pt"):
        load_world_model(tmp_path / "hf")
    with pytest.raises(CheckpointError, match=r"download https.*vjepa2-ac-vitg\.pt and place it"):
        load_world_model(tmp_path / "vjepa2-ac-vitg.pt")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        (0, np.nan, "NaN"),
        (3, 180.0, "radians"),
        (6, 255.0, "closedness"),
        (1, 450.0, "metres"),
    ],
)
def test_impossible_poses_are_refused(part, value, said):
    model = small_model()
    good = context(model, 2)
    target = good.target.copy()
    target[part] = value
    with pytest.raises(ValueError, match=said):
        replace(good, target=target)
    with pytest.raises(ValueError, match=r"actions \(1, 7\)"):
        replace(good, actions=good.actions[:, :4])


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (np.zeros((1, 32, 32, 3), np.uint8), "frames by camera are needed, not ndarray"),
        ({"left": np.zeros((32, 32, 3), np.uint8)}, r"frames have shape \(32, 32, 3\)"),
        ({"left": np.zeros((1, 32, 32, 3))}, r"type torch\.float64: allowed is .* uint8"),
        (
            {
                "left": np.zeros((1, 32, 32, 3), np.uint8),
                "wrist": np.zeros((1, 64, 64, 3), np.uint8),
            },
            r"frames have shape \(1, 64, 64, 3\) .* alike for all cameras",
        ),
    ],
)
def test_frames_that_are_no_batch_of_pictures_are_refused(images, named):
    with pytest.raises(UserError, match=named):
        small_model().encode(images)
