"""Parameter counts of the released sizes, built without memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldsim.vjepa2 import ACPredictor, Encoder, Predictor, sizes
from worldsim.vjepa2.official import new_module
from worldsim.vjepa2.sizes import NAMES


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# Published: 300M, 600M and 1B (rounded), arXiv 2506.09985, table 12.
@pytest.mark.parametrize(
    ("name", "parameters", "published"),
    [
        ("vitl", 303_885_312, 300e6),
        ("vith", 631_648_000, 600e6),
        ("vitg", 1_012_173_952, 1e9),
        ("vitg-384", 1_012_173_952, 1e9),
    ],
)
def test_encoders_have_the_published_size(name, parameters, published):
    with torch.device("meta"):
        model = Encoder(sizes(name).encoder)
    assert count(model) == parameters
    assert count(model) == pytest.approx(published, rel=0.06)


@pytest.mark.parametrize("name", ["vitl", "vith", "vitg"])
def test_encoders_are_as_large_as_those_of_transformers(name):
    transformers = pytest.importorskip("transformers")
    ours = sizes(name)
    encoder, predictor = ours.encoder, ours.predictor
    config = transformers.VJEPA2Config(
        hidden_size=encoder.embed_dim,
        num_hidden_layers=encoder.depth,
        num_attention_heads=encoder.num_heads,
        mlp_ratio=encoder.mlp_ratio,
    )
    with torch.device("meta"):
        theirs = transformers.VJEPA2Model(config)
        assert count(theirs.encoder) == count(Encoder(encoder))
        assert count(theirs.predictor) == count(Predictor(predictor))


def test_the_action_conditioned_predictor_has_305_million_parameters():
    with torch.device("meta"):
        model = ACPredictor(sizes("vitg").ac_predictor)
    assert count(model) == 305_220_992
    assert len(model.predictor_blocks) == 24


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_size_fit_together(name):
    size = sizes(name)
    assert size.encoder.embed_dim == size.predictor.embed_dim == size.ac_predictor.embed_dim
    with torch.device("meta"):
        for part in (
            new_module(size.encoder),
            new_module(size.predictor),
            ACPredictor(size.ac_predictor),
        ):
            assert count(part) > 0


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match=r"allowed are tiny, vitl, .*2\.1-vitb"):
        sizes("vitb")
