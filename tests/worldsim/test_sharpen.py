"""A model that goes on with finer pictures sees, at first, what it saw before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim import load_world_model
from worldsim.errors import UserError
from worldsim.training import sharpen
from worldsim.training.sharpen import sharpened
from worldsim.vjepa2 import Encoder, EncoderConfig
from worldsim.world_model import WorldModel, WorldModelConfig

RNG = np.random.default_rng(0)


def _latents(model: WorldModel, coarse: torch.Tensor) -> torch.Tensor:
    """Of 64 px pictures, each pixel of which is drawn as so many as the model sees."""
    finer = model.image_size // coarse.shape[2]
    pictures = coarse.repeat_interleave(finer, 2).repeat_interleave(finer, 3)
    with torch.inference_mode():
        return model.encode_frames(pictures)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_sharpened_model_first_sees_as_before(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharpen, "_DIFFERENCE", 0.0)
    coarse = torch.from_numpy(RNG.integers(0, 256, (2, 2, 64, 64, 3), dtype=np.uint8))
    tiny = load_world_model("tiny")
    finer = sharpened(tiny, size).eval()
    assert finer.image_size == size
    assert finer.encoder.grid == tiny.encoder.grid
    torch.testing.assert_close(_latents(finer, coarse), _latents(tiny, coarse), atol=1e-4, rtol=0)


def test_the_copies_of_a_filter_differ_a_little() -> None:
    tiny = load_world_model("tiny")
    weight = sharpened(tiny, 128, seed=0).state_dict()["encoder.patch_embed.layers.0.weight"]
    half = len(weight) // 2
    assert not torch.allclose(weight[:half], weight[half:])
    assert (
        torch.nn.functional.cosine_similarity(
            weight[:half].flatten(), weight[half:].flatten(), dim=0
        )
        > 0.9
    )
    again = sharpened(tiny, 128, seed=0).state_dict()["encoder.patch_embed.layers.0.weight"]
    assert torch.equal(weight, again)


@pytest.mark.parametrize("size", [32, 96, 192])
def test_sizes_a_stem_cannot_grow_to_are_refused(size: int) -> None:
    with pytest.raises(UserError, match="64, 128, 256"):
        sharpened(load_world_model("tiny"), size)


def test_plain_patches_are_refused() -> None:
    tiny = load_world_model("tiny").config
    assert isinstance(tiny.encoder, EncoderConfig)
    patches = replace(tiny.encoder, stem="patch")
    config: WorldModelConfig = replace(tiny, encoder=patches)
    with pytest.raises(UserError, match="conv stem"):
        sharpened(WorldModel(config, Encoder(patches)), 128)
