"""``train value``: from a data set and a world model to a folder that is read again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.goal_value import load_value
from experiments.options.train_value import ValueOptions
from experiments.train.value import main
from tests.worldsim.data.conftest import episode_of
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model
from worldsim.data import TrajectoryWriter

CAMERAS = ("left", "wrist")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Four episodes of 32 px, two of them play, and a world model."""
    root = tmp_path_factory.mktemp("value")
    rng = np.random.default_rng(0)
    meta = {"cameras": list(CAMERAS), "image_size": 32, "action_scale": [0.075] * 6 + [1.0]}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in CAMERAS}
    with TrajectoryWriter(root / "data", meta | {"recipe": "test", "versions": {}}) as writer:
        for seed in range(4):
            policy = "expert-0" if seed % 2 else "free-play"
            writer.append_group([episode_of(seed, images=images, policy=policy)])
    save_world_model(small_model(), root / "world")
    return root


def options(root, out, **changes):
    given = {"data": str(root / "data"), "model": str(root / "world"), "out": str(out)}
    short = {"steps": 2, "batch": 4, "threads": 1, "jump": 2}
    return ValueOptions(**given | short | changes)


def test_what_was_trained_is_read_again_with_its_card(place, tmp_path):
    main(options(place, tmp_path, policies=("free-play",)))
    value, card = load_value(tmp_path)
    assert card["episodes"]["count"] == 2
    assert card["sizes"]["gamma"] == card["training"]["gamma"] == 0.97
    assert set(card["losses"]) == {"value", "policy", "jumps"}
    latents = torch.randn(3, 8, 24)
    with torch.no_grad():
        assert value.steps(latents, latents[0]).shape == (3,)
        chunks = value.act(latents, latents, torch.zeros(3, 21))
    assert chunks.shape == (3, 4, 7)
    assert chunks.abs().max() <= 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"expectile": 0.3}, "0.5"),
        ({"gamma": 1.0}, "less than 1"),
        ({"jump": 6}, "jump 6: allowed is less than 6, the longest episode"),
        ({"policies": ("nobody",)}, "nobody"),
    ],
)
def test_what_cannot_be_learnt_with_is_refused(place, tmp_path, changes, named):
    with pytest.raises(ValueError, match=named):
        main(options(place, tmp_path / "x", **changes))
    assert not (tmp_path / "x").exists()
