"""The encoder's contract: shapes, mask leakage, refusals, initial weights."""

from __future__ import annotations

import pytest
import torch

from worldsim.vjepa2 import Encoder, EncoderConfig
from worldsim.vjepa2.encoder import prepare

SMALL = EncoderConfig(img_size=32, embed_dim=48, depth=2, num_heads=2)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(SMALL).eval()


@pytest.mark.parametrize("size", [(2, 32, 32), (4, 64, 32)])
def test_any_number_of_whole_tubelets_and_patches(encoder, size):
    frames, height, width = size
    got = encoder(torch.randn(2, 3, frames, height, width))
    assert got.shape == (2, frames // 2 * height // 16 * width // 16, 48)


def test_hidden_pixels_do_not_leak_into_visible_tokens(encoder):
    video = torch.randn(1, 3, 4, 32, 32)  # 2 steps x 2 rows x 2 columns
    mask = torch.tensor([[0, 3, 5]])
    changed = video.clone()
    changed[:, :, :2, :16, 16:] = 9.0  # token 1
    changed[:, :, 2:, 16:, :] = -9.0  # tokens 6 and 7
    torch.testing.assert_close(encoder(video, mask), encoder(changed, mask), atol=0, rtol=0)
    assert (encoder(video) - encoder(changed)).abs().max() > 1e-3


def test_a_full_mask_changes_nothing(encoder):
    video = torch.randn(2, 3, 4, 32, 32)
    everything = torch.arange(8).expand(2, -1)
    torch.testing.assert_close(encoder(video, everything), encoder(video), atol=1e-6, rtol=0)


def test_the_order_of_a_mask_is_the_order_of_the_output(encoder):
    video = torch.randn(1, 3, 4, 32, 32)
    forwards = encoder(video, torch.tensor([[1, 4, 6]]))
    backwards = encoder(video, torch.tensor([[6, 4, 1]]))
    torch.testing.assert_close(forwards.flip(1), backwards, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((1, 3, 2, 30, 32), "30 x 32 pixels do not divide into patches of 16"),
        ((1, 3, 3, 32, 32), "3 frames do not divide into tubelets of 2"),
        ((1, 3, 32, 32), r"a video has shape \(B, 3, T, H, W\)"),
        ((1, 1, 2, 32, 32), r"a video has shape \(B, 3, T, H, W\)"),
    ],
)
def test_other_shapes_are_refused(encoder, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        encoder(torch.zeros(shape))


def test_residual_layers_start_smaller_the_deeper_they_are():
    blocks = Encoder(EncoderConfig(embed_dim=192, depth=8, num_heads=3)).blocks
    spread = [block.mlp.fc2.weight.std().item() for block in blocks]
    wanted = [0.02 / (2 * number) ** 0.5 for number in range(1, 9)]
    assert spread == pytest.approx(wanted, rel=0.05)
    assert blocks[7].attn.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_gradients_reach_every_weight(encoder):
    encoder(torch.randn(1, 3, 4, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_details_are_four_times_as_fine_and_local():
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(img_size=64, embed_dim=48, depth=1, num_heads=2, stem="conv"))
    frames = torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
    rows, columns, width = encoder.details_size
    assert (rows, columns) == (16, 16)
    details = encoder.details(frames)
    assert details.shape == (2, rows * columns, width)
    # They are what the rest of the stem makes patches of.
    video = prepare(frames, 64).unsqueeze(2).expand(-1, -1, 2, -1, -1)
    grids = details.transpose(1, 2).unflatten(2, (rows, columns))
    whole = encoder.patch_embed.layers[-4:](grids)
    torch.testing.assert_close(whole, encoder.patch_embed(video)[:, :, 0])
    with pytest.raises(ValueError, match="no details"):
        Encoder(SMALL).details_size  # noqa: B018
