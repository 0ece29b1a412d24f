"""The world model's interface: shapes, views, rollouts, saving."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from worldsim import load_world_model
from worldsim.checkpoint import CheckpointError, save_world_model
from worldsim.states import decode_state, encode_state, relative_action
from worldsim.vjepa2 import ACPredictorConfig, EncoderConfig
from worldsim.world_model import Context, WorldModel, WorldModelConfig


def small_model() -> WorldModel:
    """Random weights, two 32 px views."""
    torch.manual_seed(0)
    encoder = EncoderConfig(img_size=32, embed_dim=24, depth=2, num_heads=4)
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
