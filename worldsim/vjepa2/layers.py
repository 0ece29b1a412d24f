"""Transformer block with 3-D rotary positions, shared by encoder and predictors.

Module names follow the released V-JEPA 2 checkpoints (``norm1``, ``attn.qkv``, ``attn.proj``,
``norm2``, ``mlp.fc1``, ``mlp.fc2``), so official weights load by name.

The rotary table of a token holds time in the first dimensions of a head, then height, then width;
what is left over is not turned. V-JEPA 2.0 pairs neighbouring dimensions but repeats its
frequencies block-wise (``repeat``, not ``repeat_interleave``; upstream pull request #15). Its
weights were trained that way, so it is kept. It follows that attention depends on where a token
is, not only on how far apart two tokens are: plan at positions that training has seen. V-JEPA 2.1
turns both dimensions of a pair alike (``interleave``).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.errors import UserError

NORM_EPS = 1e-6
# Beyond this many scores per head the explicit product costs more memory than it saves time.
_EXPLICIT_SCORES = 1024**2


# -- positions --------------------------------------------------------------------------------


def axis_size(head_dim: int) -> int:
    """Dimensions of a head given to each of time, height and width."""
    return 2 * ((head_dim // 3) // 2)


def token_positions(ids: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Time, height and width of tokens by their index, each of the shape of ``ids``."""
    return ids // (rows * columns), ids // columns % rows, ids % columns


def rotary_table(
    time: Tensor, height: Tensor, width: Tensor, head_dim: int, interleave: bool = False
) -> Tensor:
    """Cosines and signed sines (2, ..., head_dim) of token positions (...).

    The minus sign of a rotation matrix's upper sine is folded into the table.
    """
    size = axis_size(head_dim)
    omega = 10000.0 ** -(torch.arange(size // 2, device=time.device) / (size / 2))  # (size / 2,)
    halves = [axis.unsqueeze(-1) * omega for axis in (time, height, width)]  # (..., size / 2) each
    if interleave:
        angles = torch.cat(halves, dim=-1).repeat_interleave(2, dim=-1)  # (..., 3 * size)
    else:
        angles = torch.cat([half for half in halves for _ in range(2)], dim=-1)
    angles = F.pad(angles, (0, head_dim - 3 * size))  # (..., head_dim)
    sign = torch.tensor([-1.0, 1.0], device=time.device).repeat(head_dim // 2)
    return torch.stack([angles.cos(), angles.sin() * sign])


@lru_cache(maxsize=64)
def grid_table(
    steps: int,
    rows: int,
    columns: int,
    head_dim: int,
    device: torch.device,
    spacing: tuple[float, float] = (1.0, 1.0),
    interleave: bool = False,
) -> Tensor:
    """Table (2, steps * rows * columns, head_dim) of all tokens of a grid.

    ``spacing`` is the distance between rows and between columns.
    """
    # A tensor made in inference mode could not be used in training later.
    with torch.inference_mode(False):
        ids = torch.arange(steps * rows * columns, device=device)
        time, height, width = token_positions(ids, rows, columns)
        down, across = spacing
        return rotary_table(time, height * down, width * across, head_dim, interleave)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn queries or keys (..., N, head_dim) by a table (2, ..., N, head_dim) that broadcasts."""
    cos, sin = table.to(x.dtype).unflatten(-1, (-1, 2))  # (..., N, head_dim / 2, 2) each
    pairs = x.unflatten(-1, (-1, 2))
    return torch.addcmul(pairs * cos, pairs.flip(-1), sin).flatten(-2)


# -- attention --------------------------------------------------------------------------------


def attend(query: Tensor, key: Tensor, value: Tensor, steps: int = 1) -> Tensor:
    """Softmax attention, block-causal over ``steps`` equal blocks of queries.

    Block i sees the keys up to its own end; the keys may begin with a past that all blocks see.
    A loop over blocks needs no mask and half the scores (measured on a CPU with 3 and 4 blocks of
    66: 0.8-1.0 of the masked kernel's time in float32, 0.5-0.9 in bfloat16).

    Args:
        query: (B, heads, N, d).
        key: (B, heads, M, d) with M >= N.
        value: (B, heads, M, d).
        steps: blocks; 1 is full attention.

    Returns:
        (B, heads, N, d).
    """
    if steps == 1:
        return _attend_all(query, key, value)
    past, size = key.shape[2] - query.shape[2], query.shape[2] // steps
    ends = range(size, query.shape[2] + 1, size)
    blocks = [
        _attend_all(
            query[:, :, end - size : end], key[:, :, : past + end], value[:, :, : past + end]
        )
        for end in ends
    ]
    return torch.cat(blocks, dim=2)


def _attend_all(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Full attention by whichever kernel is faster.

    The fused kernel wins everywhere but in bfloat16 on a CPU, where the explicit product takes
    0.7-0.9 of its time forwards and 0.2-0.5 with the backward pass (64-256 tokens, head sizes 32
    and 64).
    """
    few = query.shape[-2] * key.shape[-2] <= _EXPLICIT_SCORES
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and few:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)  # (B, heads, N, M)
        explicit: Tensor = scores.softmax(dim=-1).to(value.dtype) @ value
        return explicit
    return F.scaled_dot_product_attention(query, key, value)


class Memory:
    """Keys and values one attention layer has seen, oldest first.

    Chunks may have a batch of one, shared by all candidates that branch from it.
    """

    def __init__(self, chunks: Iterable[tuple[Tensor, Tensor]] = ()) -> None:
        self.chunks = list(chunks)

    def branch(self) -> Memory:
        """A memory that can grow without changing this one; no tensor is copied."""
        return Memory(self.chunks)

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Remember (B, heads, n, d) keys and values and return all of them (B, heads, M, d)."""
        self.chunks.append((key, value))
        if len(self.chunks) == 1:
            return key, value
        keys, values = zip(*self.chunks, strict=True)
        batch = len(key)
        return (
            torch.cat([k.expand(batch, -1, -1, -1) for k in keys], dim=2),
            torch.cat([v.expand(batch, -1, -1, -1) for v in values], dim=2),
        )


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(
        self, x: Tensor, table: Tensor, steps: int = 1, memory: Memory | None = None
    ) -> Tensor:
        """(B, N, D) -> (B, N, D); tokens also look at a memory, and are added to it."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, N, 3, heads, d)
        qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, heads, N, d)
        query, key = rotate(qkv[:2], table)  # each (B, heads, N, d)
        value = qkv[2]
        if memory is not None:
            key, value = memory.append(key, value)
        out = attend(query, key, value, steps)
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))  # (B, N, D)
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

    def forward(
        self, x: Tensor, table: Tensor, steps: int = 1, memory: Memory | None = None
    ) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        x = x + self.attn(self.norm1(x), table, steps, memory)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def make_blocks(depth: int, dim: int, heads: int, mlp_ratio: float) -> nn.ModuleList:
    """A stack of blocks.

    Raises:
        ValueError: when the width does not divide into heads of even size.
    """
    if dim % heads or dim // heads % 2:
        raise UserError(f"a width of {dim} does not make {heads} heads of an even size")
    return nn.ModuleList(Block(dim, heads, mlp_ratio) for _ in range(depth))


@torch.no_grad()
def initialise(model: nn.Module, blocks: nn.ModuleList) -> None:
    """Start as the released code does.

    Weights from a normal of 0.02, biases zero, and the layers that write to the residual stream of
    block n divided by sqrt(2 n).
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv3d):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for number, block in enumerate(blocks, start=1):
        assert isinstance(block, Block)
        block.attn.proj.weight.div_((2.0 * number) ** 0.5)
        block.mlp.fc2.weight.div_((2.0 * number) ** 0.5)
