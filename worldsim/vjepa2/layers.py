"""Transformer block with 3-D rotary positions, shared by encoder and predictors.

Module names follow the released V-JEPA 2 checkpoints (``norm1``, ``attn.qkv``, ``attn.proj``,
``norm2``, ``mlp.fc1``, ``mlp.fc2``), so official weights load by name.

The rotary table of a token holds time in the first dimensions of a head, then height, then width;
what is left over is not turned. V-JEPA 2.0 pairs neighbouring dimensions but repeats its
frequencies block-wise (``repeat``, not ``repeat_interleave``); its weights were trained that way,
so it is kept.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORM_EPS = 1e-6


def axis_size(head_dim: int) -> int:
    """Dimensions of a head given to each of time, height and width."""
    return 2 * ((head_dim // 3) // 2)


def _angles(positions: Tensor, size: int) -> Tensor:
    """(N,) positions -> (N, size) angles, base 10000, frequencies repeated block-wise."""
    omega = torch.arange(size // 2, dtype=torch.float64) / (size / 2)
    angles = positions.double()[:, None] / 10000**omega
    return angles.repeat(1, 2)


def rotary_table(time: Tensor, height: Tensor, width: Tensor, head_dim: int) -> Tensor:
    """Cosines and signed sines (2, N, head_dim) for token positions (N,) each.

    The sign of the rotation matrix's upper sine is folded into the table.
    """
    size = axis_size(head_dim)
    rest = torch.zeros(len(time), head_dim - 3 * size, dtype=torch.float64)
    angles = torch.cat([_angles(p, size) for p in (time, height, width)] + [rest], dim=1)
    sign = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(head_dim // 2)
    return torch.stack([angles.cos(), sign * angles.sin()]).float()


@lru_cache(maxsize=32)
def grid_positions(steps: int, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Time, height and width (N,) of the tokens of a (steps, rows, columns) grid."""
    grid = torch.meshgrid(
        torch.arange(steps), torch.arange(rows), torch.arange(columns), indexing="ij"
    )
    time, height, width = (axis.flatten() for axis in grid)
    return time, height, width


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn queries or keys (B, heads, N, head_dim) by a table (2, N or B x 1 x N, head_dim)."""
    swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    cos, sin = table.to(x.dtype).unbind(0)
    return x * cos + swapped * sin


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax attention; ``mask`` (N, M) is True where a query may look.

    On the CPU the fused kernel's backward pass is slower than the explicit product at the sizes
    trained there, so gradients take the explicit path.
    """
    if query.device.type != "cpu" or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1).to(value.dtype) @ value


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, table: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, N, 3, heads, d)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, d)
        out = attend(rotate(query, table), rotate(key, table), value, mask)
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))
        return projected


class MLP(nn.Module):
    """fc1, GELU, fc2."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = MLP(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor, table: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        x = x + self.attn(self.norm1(x), table, mask)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def init_weights(module: nn.Module) -> None:
    """Truncated normal of 0.02 and zero biases, as the released code trains."""
    if isinstance(module, nn.Linear | nn.Conv3d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
