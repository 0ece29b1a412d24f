"""V-JEPA 2.1: the official code's outputs, its published layouts, and files that lack a part."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from worldsim.encoders import open_encoder
from worldsim.vjepa2 import CheckpointError, from_official, sizes
from worldsim.vjepa2.checkpoints import Checkpoint, describe, read, write
from worldsim.vjepa2.official import new_module, translate
from worldsim.vjepa2.version_2_1 import Encoder21, Predictor21, norm_depths

SHARED = {"img_size": 48, "patch_size": 16, "embed_dim": 36, "depth": 12, "mlp_ratio": 2.0}
ENCODER = SHARED | {"num_heads": 3, "tubelet_size": 2, "version": "2.1"}
PREDICTOR = SHARED | {"num_heads": 2, "predictor_embed_dim": 24, "num_mask_tokens": 3}
SEEN, HIDDEN = torch.tensor([[0, 2, 5, 11, 17]]), torch.tensor([[1, 7, 9]])
NAMES = {
    "2.1-vitb": ("vjepa2_1_vitb_dist_vitG_384.pt", "ema_encoder"),
    "2.1-vitl": ("vjepa2_1_vitl_dist_vitG_384.pt", "ema_encoder"),
    "2.1-vitg": ("vjepa2_1_vitg_384.pt", "target_encoder"),
    "2.1-vitG": ("vjepa2_1_vitG_384.pt", "target_encoder"),
}


@torch.no_grad()
def filled(module: nn.Module) -> nn.Module:
    """Weights that need no generator: sines, each tensor with a frequency of its own."""
    for number, (name, tensor) in enumerate(sorted(module.state_dict().items())):
        places = torch.arange(tensor.numel(), dtype=torch.float64)
        wave = (places * (0.37 + 0.01 * number) + number).sin().view(tensor.shape).float()
        norm = "norm" in name and name.endswith("weight")
        tensor.copy_(wave * (0.3 if tensor.dim() > 1 else 1.0) + norm)
    return module.eval()


def made(kind: str, **config) -> nn.Module:
    """A module of upstream's arguments with those weights."""
    blank = {"encoder": ENCODER, "predictor": PREDICTOR}[kind] | {"version": "2.1"} | config
    return filled(new_module(translate(kind, blank)))


def video() -> torch.Tensor:
    places = torch.arange(3 * 4 * 48 * 48, dtype=torch.float64)
    return (places * 0.7).sin().float().view(1, 3, 4, 48, 48)


def assert_starts(got: torch.Tensor, wanted: list[float]) -> None:
    torch.testing.assert_close(got[: len(wanted)], torch.tensor(wanted), atol=1e-4, rtol=0.0)


@torch.no_grad()
def test_the_encoder_gives_what_the_official_one_gives():
    # Computed by the official code on these weights.
    encoder = made("encoder")
    assert_starts(encoder(video())[0, 5], [-2.497371, 1.483279, -0.785988, -0.168608])
    assert_starts(encoder(video()[:, :, :1])[0, 5], [-2.652375, 1.479433, -0.784661, -0.254121])
    assert_starts(encoder(video(), SEEN)[0, 3], [-2.532235, 1.464949, -0.785455, -0.178152])
    four = encoder.hierarchy(video())
    assert len(four) == 4
    torch.testing.assert_close(four[-1], encoder(video()))


@torch.no_grad()
@pytest.mark.parametrize(
    ("levels", "teacher", "hidden", "seen"),
    [
        (4, None, [-2.588781, 1.095003, 1.174274], [1.562399, -0.641523, 0.263992]),
        (1, 40, [-3.675663, -0.029894, 3.652831], [2.304421, 0.949398, -3.572492]),
    ],
)
def test_the_predictor_gives_what_the_official_one_gives(levels, teacher, hidden, seen):
    predictor = made("predictor", n_output_distillation=levels, teacher_embed_dim=teacher)
    context = torch.cat(made("encoder").hierarchy(video(), SEEN)[-levels:], dim=-1)
    first, second = predictor.both(context, SEEN, HIDDEN)
    assert_starts(first[0, 1], hidden)
    assert_starts(second[0, 2], seen)
    torch.testing.assert_close(predictor(context, SEEN, HIDDEN), first)


def test_norms_stand_where_the_paper_has_them():
    assert norm_depths(12) == (2, 5, 8, 11)
    assert norm_depths(24) == (5, 11, 17, 23)
    assert norm_depths(40) == (9, 19, 29, 39)
    assert norm_depths(48) == (11, 23, 37, 47)


# Published (rounded): 80M, 300M, 1B and 2B, arXiv 2603.14482.
@pytest.mark.parametrize(
    ("name", "published"),
    [("2.1-vitb", 80e6), ("2.1-vitl", 300e6), ("2.1-vitg", 1e9), ("2.1-vitG", 2e9)],
)
def test_encoders_have_the_published_size(name, published):
    with torch.device("meta"):
        module = new_module(sizes(name).encoder)
    assert sum(p.numel() for p in module.parameters()) == pytest.approx(published, rel=0.1)


def cut(name: str) -> Checkpoint:
    """One block of a published size; its perceptrons are narrow, all else is as wide."""
    whole = sizes(name)
    parts = {"encoder": whole.encoder, "predictor": whole.predictor}
    return Checkpoint.of(
        {kind: new_module(replace(c, depth=1, mlp_ratio=0.25)) for kind, c in parts.items()}
    )


def publish(checkpoint: Checkpoint, path, entry: str) -> None:
    """Lay a checkpoint out as it is released: no configuration in it."""
    eyes = {f"module.backbone.{k}": v for k, v in checkpoint.weights["encoder"].items()}
    inside = {f"module.{k}": v for k, v in checkpoint.weights["predictor"].items()}
    torch.save({entry: eyes, "predictor": inside, "epoch": 3}, path)


@pytest.mark.parametrize("name", NAMES)
def test_each_published_layout_is_read_without_a_configuration(name, tmp_path):
    checkpoint = cut(name)
    publish(checkpoint, tmp_path / "cut.pt", NAMES[name][1])
    found = read(tmp_path / "cut.pt")
    assert found.configs == checkpoint.configs
    assert isinstance(found.module("encoder"), Encoder21)
    assert isinstance(found.module("predictor"), Predictor21)
    assert found.ignored == ("epoch",)


def test_the_moving_average_is_what_is_taken(tmp_path):
    one, other = cut("2.1-vitb"), cut("2.1-vitb")
    publish(one, tmp_path / "a.pt", "ema_encoder")
    entries = torch.load(tmp_path / "a.pt")
    entries["encoder"] = {f"module.{k}": v for k, v in other.weights["encoder"].items()}
    torch.save(entries, tmp_path / "a.pt")
    weights = read(tmp_path / "a.pt").weights["encoder"]
    assert torch.equal(weights["img_mod_embed"], one.weights["encoder"]["img_mod_embed"])


def test_a_file_of_which_a_part_is_missing_is_refused(tmp_path):
    file, entry = NAMES["2.1-vitl"]
    publish(cut("2.1-vitl"), tmp_path / file, entry)
    with pytest.raises(CheckpointError, match="1 blocks in its encoder, the released one 24"):
        read(tmp_path / file)
    small = replace(sizes("2.1-vitb").predictor, depth=2, mlp_ratio=0.25)
    weights = new_module(small).state_dict()
    without = {k: v for k, v in weights.items() if not k.startswith("predictor_blocks.0.attn")}
    torch.save({"predictor": without}, tmp_path / "holes.pt")
    with pytest.raises(CheckpointError, match=r"predictor_blocks\.0\.attn\.\S+ .*missing"):
        read(tmp_path / "holes.pt").module("predictor")
    # The published configuration that says 24 where the file has 12 blocks (vjepa2#149).
    config = PREDICTOR | {"version": "2.1", "n_output_distillation": 1}
    twelve = made("predictor", n_output_distillation=1).state_dict()
    with pytest.raises(CheckpointError, match=re.escape("predictor_blocks.12.")):
        from_official("predictor", config | {"depth": 24}, twelve)


def test_version_2_1_there_and_back(tmp_path):
    checkpoint = cut("2.1-vitb")
    write(checkpoint, tmp_path / "a.pt", "official")
    write(read(tmp_path / "a.pt"), tmp_path / "b", "worldsim")
    assert read(tmp_path / "b").configs == checkpoint.configs
    assert describe(tmp_path / "b")["parts"]["encoder"]["config"]["version"] == "2.1"
    with pytest.raises(CheckpointError, match=r"V-JEPA 2, not 2\.1"):
        write(checkpoint, tmp_path / "hf", "hugging-face")


def test_it_is_a_frame_encoder_at_any_size(tmp_path):
    publish(cut("2.1-vitb"), tmp_path / "cut.pt", "ema_encoder")
    assert open_encoder(str(tmp_path / "cut.pt")).grid == (24, 24)
    encoder = open_encoder(str(tmp_path / "cut.pt"), 64)
    with torch.inference_mode():
        latents = encoder.encode(torch.zeros(2, 20, 20, 3, dtype=torch.uint8))
    assert latents.shape == (2, 16, 768)
