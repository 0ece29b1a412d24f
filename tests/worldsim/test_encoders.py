"""Any frozen encoder behind one protocol: opened, referred to, and its latents kept on disk."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from tests.worldsim.pages import module_of
from worldsim import load_world_model
from worldsim.checkpoint import CheckpointError, save_world_model
from worldsim.encoders import EncoderReference, FrameEncoder, encoder_digest, open_encoder
from worldsim.latents import encode_set, estimate
from worldsim.vjepa2 import ACPredictorConfig, Encoder, EncoderConfig, Predictor, PredictorConfig
from worldsim.vjepa2.checkpoints import Checkpoint, write
from worldsim.world_model import WorldModel, WorldModelConfig

SMALL = EncoderConfig(img_size=32, embed_dim=24, depth=1, num_heads=2)
FRAMES = np.random.default_rng(0).integers(0, 256, (7, 1, 20, 20, 3), dtype=np.uint8)


class Mean(nn.Module):
    """An encoder of somebody's own: mean colours of four quarters, through one matrix."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.size, self.grid, self.width = size, (2, 2), 24
        self.matrix = nn.Linear(3, 24)

    def encode(self, frames):
        x = frames.permute(0, 3, 1, 2).float() / 255.0
        return self.matrix(nn.functional.adaptive_avg_pool2d(x, self.grid).flatten(2).mT)


class Wrong(Mean):
    def encode(self, frames):
        return super().encode(frames)[:, :3]


def written(layout, tmp_path):
    torch.manual_seed(0)
    parts = {"encoder": Encoder(SMALL)}
    if layout == "hugging-face":
        parts["predictor"] = Predictor(PredictorConfig((2, 2), 24, 24, depth=1, num_heads=2))
    path = tmp_path / ("encoder.pt" if layout == "official" else layout)
    write(Checkpoint.of(parts), path, layout)
    return str(path)


def dino(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = {
        "dinov2": lambda: transformers.Dinov2Config(**sizes, image_size=28, patch_size=14),
        "dinov3": lambda: transformers.DINOv3ViTConfig(
            **sizes, intermediate_size=48, patch_size=16, num_register_tokens=2
        ),
    }[kind]()
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path / kind)
    return str(tmp_path / kind)


def around(encoder: FrameEncoder, path: str) -> WorldModel:
    """A world model with one camera on a frozen encoder."""
    predictor = ACPredictorConfig(encoder.grid, encoder.width, 24, 1, 2, state_dim=10)
    reference = EncoderReference.to(encoder, path)
    return WorldModel(
        WorldModelConfig("two-stage", ("left",), reference, predictor), encoder
    ).eval()


@pytest.mark.parametrize("layout", ["official", "hugging-face", "worldsim"])
def test_layouts_of_v_jepa_2_open_alike_at_any_size(layout, tmp_path):
    path = written(layout, tmp_path)
    encoder = open_encoder(path)
    assert isinstance(encoder, FrameEncoder)
    assert (encoder.size, encoder.grid, encoder.width) == (32, (2, 2), 24)
    torch.manual_seed(0)
    with torch.inference_mode():
        small = encoder.encode(torch.from_numpy(FRAMES[:, 0]))  # 20 px are enlarged to 32
        torch.testing.assert_close(
            small, Encoder(SMALL).eval().encode(torch.from_numpy(FRAMES[:, 0]))
        )
        assert open_encoder(path, 64).encode(torch.from_numpy(FRAMES[:, 0])).shape == (7, 16, 24)
    with pytest.raises(CheckpointError, match="patches of 16"):
        open_encoder(path, 40)


@pytest.mark.parametrize(("kind", "patch"), [("dinov2", 14), ("dinov3", 16)])
def test_dino_backbones_give_patches_alone(kind, patch, tmp_path):
    path = dino(tmp_path, kind)
    encoder = open_encoder(path, 4 * patch)
    assert (encoder.grid, encoder.width) == ((4, 4), 24)
    with torch.inference_mode():
        tokens = encoder.encode(torch.from_numpy(FRAMES[:2, 0]))
        whole = encoder.model(pixel_values=torch.zeros(1, 3, 4 * patch, 4 * patch))
    assert tokens.shape == (2, 16, 24)
    assert whole.last_hidden_state.shape[1] > 16  # class and register tokens were left out
    assert open_encoder(path).size == 224
    with pytest.raises(CheckpointError, match=f"patches of {patch}"):
        open_encoder(path, 30)


def test_an_encoder_of_ones_own_is_named_by_module_and_class():
    encoder = open_encoder("tests.worldsim.test_encoders:Mean", 6)
    assert (encoder.size, encoder.width) == (6, 24)
    with pytest.raises(CheckpointError, match=r"\(1, 3, 24\), its grid and width say \(1, 4, 24\)"):
        open_encoder("tests.worldsim.test_encoders:Wrong")
    with pytest.raises(CheckpointError, match="is no FrameEncoder"):
        open_encoder("collections:OrderedDict")
    with pytest.raises(ValueError, match="No module named 'nowhere'"):
        open_encoder("nowhere:Mean")
    with pytest.raises(ValueError, match="has no 'Nothing'"):
        open_encoder("tests.worldsim.test_encoders:Nothing")


def test_the_encoder_of_the_documentation_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "page", module_of("add-an-encoder.md", "page"))
    encoder = open_encoder("page:Colours", 48)
    with torch.inference_mode():
        assert encoder.encode(torch.from_numpy(FRAMES[:, 0])).shape == (7, 16, 32)


def test_a_frozen_encoder_is_referred_to_and_not_copied(tmp_path):
    path = written("official", tmp_path)
    model = around(open_encoder(path), path)
    save_world_model(model, tmp_path / "model", dtype=torch.float32)
    loaded = load_world_model(tmp_path / "model")
    assert not [name for name in loaded.state_dict() if name.startswith("encoder.")]
    assert encoder_digest(loaded.encoder) == encoder_digest(model.encoder)
    with torch.inference_mode():
        seen = {"left": FRAMES[:, 0]}
        torch.testing.assert_close(loaded.encode(seen), model.encode(seen))
    with torch.no_grad():
        next(iter(model.encoder.parameters())).add_(1.0)
    write(Checkpoint.of({"encoder": model.encoder}), tmp_path / "encoder.pt", "official", True)
    with pytest.raises(CheckpointError, match="holds other weights"):
        load_world_model(tmp_path / "model")
    (tmp_path / "encoder.pt").unlink()
    with pytest.raises(CheckpointError, match=r"encoder\.pt, which is not copied.*config\.json"):
        load_world_model(tmp_path / "model")


def test_latents_on_disk_are_those_in_memory_and_go_on_where_they_were(tmp_path, monkeypatch):
    model, path = around(Mean(), "tests.worldsim.test_encoders:Mean"), tmp_path / "latents.bf16"
    monkeypatch.setattr("worldsim.latents._BATCH", 2)
    whole = encode_set(model, FRAMES)
    assert whole.shape == (7, 4, 24)
    assert whole.dtype == torch.bfloat16
    told = estimate(model, FRAMES)
    assert told.gib == pytest.approx(7 * 4 * 24 * 2 / 2**30)
    assert told.hours > 0

    class Killed(Exception):
        pass

    calls, encode = [], model.encoder.encode

    def counted(frames):
        calls.append(len(frames))
        if len(calls) == 3:
            raise Killed
        return encode(frames)

    model.encoder.encode = counted
    with pytest.raises(Killed):
        encode_set(model, FRAMES, path)
    assert json.loads(path.with_suffix(".json").read_text())["done"] == 4
    torch.testing.assert_close(encode_set(model, FRAMES, path), whole, atol=0, rtol=0)
    assert calls == [2, 2, 2, 2, 1]  # the fifth and sixth frames were asked for twice, no others
    with pytest.raises(ValueError, match="other frames or of another encoder"):
        encode_set(model, FRAMES[:3], path)


def test_a_full_disk_is_said_before_anything_is_encoded(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    model = around(Mean(), "tests.worldsim.test_encoders:Mean")
    with pytest.raises(ValueError, match=r"cannot keep .* GiB in .*No space left"):
        encode_set(model, FRAMES, tmp_path / "latents.bf16")
    assert not list(tmp_path.iterdir())
