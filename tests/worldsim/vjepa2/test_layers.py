"""Rotary positions, block-causal attention and its kernels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from worldsim.vjepa2 import layers
from worldsim.vjepa2.layers import attend, grid_table, rotary_table, rotate, token_positions


def reference_rotation(x: torch.Tensor, position: float) -> torch.Tensor:
    """V-JEPA 2.0's rotation of one vector (d,), written out pair by pair."""
    half = len(x) // 2
    angle = [position / 10000 ** (i / half) for i in range(half)] * 2  # repeat, not interleave
    angle = torch.tensor(angle, dtype=torch.float64)
    out = torch.empty_like(x)
    for i in range(half):
        first, second = x[2 * i], x[2 * i + 1]
        out[2 * i] = first * angle[2 * i].cos() - second * angle[2 * i].sin()
        out[2 * i + 1] = second * angle[2 * i + 1].cos() + first * angle[2 * i + 1].sin()
    return out


@pytest.mark.parametrize("head_dim", [24, 32, 64])
def test_each_axis_turns_its_own_share_of_a_head(head_dim):
    size = 2 * (head_dim // 3 // 2)
    position = [torch.tensor([p]) for p in (3, 1, 2)]
    x = torch.randn(1, head_dim, dtype=torch.float64)
    got = rotate(x, rotary_table(*position, head_dim))[0]
    for axis, place in enumerate((3, 1, 2)):
        part = slice(axis * size, (axis + 1) * size)
        torch.testing.assert_close(
            got[part], reference_rotation(x[0, part], place), atol=1e-5, rtol=0
        )
    torch.testing.assert_close(got[3 * size :], x[0, 3 * size :])  # the rest is not turned


def test_position_zero_turns_nothing():
    zero = torch.zeros(5)
    x = torch.randn(5, 32)
    torch.testing.assert_close(rotate(x, rotary_table(zero, zero, zero, 32)), x)


def test_token_positions_go_time_row_column():
    time, height, width = token_positions(torch.arange(2 * 3 * 4), rows=3, columns=4)
    assert time.tolist() == [0] * 12 + [1] * 12
    assert height[:12].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert width[:8].tolist() == [0, 1, 2, 3] * 2


def test_a_table_made_in_inference_mode_serves_training():
    with torch.inference_mode():
        grid_table(1, 7, 3, 16, torch.device("cpu"))
    x = torch.randn(21, 16, requires_grad=True)
    rotate(x, grid_table(1, 7, 3, 16, torch.device("cpu"))).sum().backward()
    assert x.grad is not None


def block_causal(steps: int, size: int, past: int = 0) -> torch.Tensor:
    step = torch.arange(steps).repeat_interleave(size)
    own = step[:, None] >= step[None, :]
    return torch.cat([torch.ones(len(own), past, dtype=torch.bool), own], dim=1)


@pytest.mark.parametrize("past", [0, 7])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-6), (torch.bfloat16, 3e-2)])
def test_attention_equals_a_masked_square(past, steps, dtype, atol):
    query = torch.randn(2, 3, 20, 16)
    key, value = torch.randn(2, 2, 3, 20 + past, 16)
    mask = block_causal(steps, 20 // steps, past)
    wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    got = attend(query.to(dtype), key.to(dtype), value.to(dtype), steps)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), wanted, atol=atol, rtol=0)


def test_both_kernels_agree(monkeypatch):
    parts = torch.randn(3, 2, 3, 20, 16, dtype=torch.bfloat16)
    explicit = attend(*parts)
    monkeypatch.setattr(layers, "_EXPLICIT_SCORES", 0)
    torch.testing.assert_close(explicit, attend(*parts), atol=3e-2, rtol=0)


def test_heads_must_have_even_size():
    with pytest.raises(ValueError, match="heads of an even size"):
        layers.make_blocks(1, 36, 4, 4.0)
