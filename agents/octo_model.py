"""The network of the Octo-like baseline (arXiv 2405.12213), small, from scratch.

Convolutional stems turn pictures into tokens, the goal picture concatenated to each observation
along its channels; a transformer with blockwise attention reads groups of task, observation and
readout tokens; a diffusion head turns a readout into a chunk of actions.

    [ task | observation 0 | readouts 0 | observation 1 | readouts 1 ]

Task tokens read the task alone; observations read the task and everything seen so far; readouts
read all of that and themselves; nothing reads a readout. Shapes: B batch, T time steps of the
window, V views, P patches of a view, D width, R readouts, H actions of a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from envs.errors import UserError
from worldsim.heads import mlp
from worldsim.noise import normal
from worldsim.states import STATE_SIZE, encode_state

_STEM = (32, 64, 96, 128)
PATCH = 2 ** len(_STEM)
TASK, OBSERVATION, READOUT = range(3)
READOUTS = ("action", "goal pose")
# Octo clips actions at five standard deviations.
_LARGEST = 5.0


@dataclass(frozen=True)
class OctoConfig:
    """Sizes.

    Attributes:
        cameras: views, in the order they are stacked.
        image_size: pixels per side, a multiple of 16.
        width, depth, heads: of the transformer.
        window: time steps seen.
        chunk: actions predicted.
        diffusion_steps: of the action head.
        hidden, blocks: of the action head's residual perceptron.
    """

    cameras: tuple[str, ...]
    image_size: int = 64
    width: int = 128
    depth: int = 4
    heads: int = 4
    window: int = 2
    chunk: int = 4
    diffusion_steps: int = 20
    hidden: int = 256
    blocks: int = 3

    def __post_init__(self) -> None:
        if self.image_size % PATCH or self.width % self.heads:
            raise UserError(
                f"image_size {self.image_size} must be a multiple of {PATCH}, and width "
                f"{self.width} one of heads {self.heads}"
            )


class Stem(nn.Module):
    """Octo's small stem: four convolutions of stride 2, each 16 x 16 patch becomes a token."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((channels, *_STEM)):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(8, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(_STEM[-1], width, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, P, D)."""
        out: Tensor = self.layers(pictures).flatten(2).transpose(1, 2)
        return out


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attention of (B, H, N, D) under a boolean mask (B, 1, N, N), True where a row may read.

    In bfloat16 on a CPU the fused kernel's backward pass takes twice as long as the plain product.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, mask)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    attended: Tensor = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1).to(value.dtype) @ value
    return attended


class Block(nn.Module):
    """Pre-norm transformer block under a mask."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = mlp(width, (4 * width,), width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D) tokens and a boolean mask (B, 1, N, N) of what each may read."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        attended = attend(query, key, value, mask).transpose(1, 2).flatten(2)
        x = x + self.proj(attended)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def blockwise_mask(kinds: Tensor, times: Tensor, seen: Tensor) -> Tensor:
    """Who reads whom.

    Args:
        kinds: (N,) group of each token.
        times: (N,) its time step; -1 for task tokens.
        seen: (B, T) False where a time step is padding.

    Returns:
        (B, 1, N, N) boolean, True where the row's token reads the column's.
    """
    reads_task = (kinds == TASK)[None, :].expand(len(kinds), -1)
    earlier = times[:, None] >= times[None, :]
    reads_observation = (kinds == OBSERVATION)[None, :] & (kinds != TASK)[:, None] & earlier
    real = torch.cat([seen, seen.new_ones(len(seen), 1)], dim=1)[:, times]  # time -1: the last
    mask = (reads_task | reads_observation)[None] & real[:, None, :]
    itself = torch.eye(len(kinds), dtype=torch.bool, device=kinds.device)
    return (mask | itself)[:, None]


class DiffusionHead(nn.Module):
    """DDPM over action chunks: 20 steps of a cosine schedule, noise predicted by an MLP-ResNet."""

    betas: Tensor
    kept: Tensor

    def __init__(self, config: OctoConfig) -> None:
        super().__init__()
        self.size = config.chunk * 7
        self.frequencies = nn.Parameter(torch.randn(16))
        self.time = mlp(32, (64,), 32)
        self.enter = nn.Linear(32 + config.width + self.size, config.hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.hidden), mlp(config.hidden, (4 * config.hidden,), config.hidden)
            )
            for _ in range(config.blocks)
        )
        self.leave = nn.Linear(config.hidden, self.size)
        steps = torch.linspace(0, 1, config.diffusion_steps + 1, dtype=torch.float64)
        left = torch.cos((steps + 0.008) / 1.008 * math.pi / 2).square()
        betas = (1 - left[1:] / left[:-1]).clamp(0, 0.999)
        self.register_buffer("betas", betas.float(), persistent=False)
        self.register_buffer("kept", (1 - betas).cumprod(0).float(), persistent=False)

    def forward(self, readout: Tensor, noisy: Tensor, step: Tensor) -> Tensor:
        """Noise in chunks (B, 7 H) at diffusion steps (B,), given readouts (B, D)."""
        angle = 2 * math.pi * step[:, None].float() * self.frequencies
        time = self.time(torch.cat([angle.cos(), angle.sin()], dim=-1))
        x = self.enter(torch.cat([time, readout, noisy], dim=-1))
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.leave(F.silu(x))
        return out

    def sample(self, readout: Tensor, rng: np.random.Generator) -> Tensor:
        """Chunks (B, 7 H) of normalised actions for readouts (B, D)."""
        shape = (len(readout), self.size)
        x = normal(rng, shape, readout)
        for step in reversed(range(len(self.betas))):
            beta, kept = self.betas[step], self.kept[step]
            before = self.kept[step - 1] if step > 0 else torch.ones_like(kept)
            guess = self(readout, x, torch.full((len(x),), step, device=x.device))
            # Clipping the chunk and not the noisy state: the first steps divide by nearly zero,
            # and an estimate a little off would otherwise drown the rest.
            clean = ((x - (1 - kept).sqrt() * guess) / kept.sqrt()).clamp(-_LARGEST, _LARGEST)
            share = before.sqrt() * beta / (1 - kept)
            x = share * clean + (1 - beta).sqrt() * (1 - before) / (1 - kept) * x
            if step > 0:
                x = x + (beta * (1 - before) / (1 - kept)).sqrt() * normal(rng, shape, readout)
        return x


class OctoModel(nn.Module):
    """Tokenizers, transformer and heads."""

    action_mean: Tensor
    action_std: Tensor
    kinds: Tensor
    times: Tensor

    def __init__(self, config: OctoConfig) -> None:
        super().__init__()
        self.config = config
        views, width, window = len(config.cameras), config.width, config.window
        patches = views * (config.image_size // PATCH) ** 2
        self.task_stems = nn.ModuleList(Stem(3, width) for _ in range(views))
        self.stems = nn.ModuleList(Stem(6, width) for _ in range(views))
        self.state = nn.Linear(STATE_SIZE + 1, width)
        self.task_place = nn.Parameter(torch.randn(patches, width) * 0.02)
        self.place = nn.Parameter(torch.randn(window, patches + 1, width) * 0.02)
        self.readouts = nn.Parameter(torch.randn(window, len(READOUTS), width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.head = DiffusionHead(config)
        self.pose = nn.Linear(width, STATE_SIZE)
        # Statistics of the training actions; the gripper is left as it is.
        self.register_buffer("action_mean", torch.zeros(7))
        self.register_buffer("action_std", torch.ones(7))
        step = [OBSERVATION] * (patches + 1) + [READOUT] * len(READOUTS)
        kinds = [TASK] * patches + step * window
        times = [-1] * patches + [t for t in range(window) for _ in step]
        self.register_buffer("kinds", torch.tensor(kinds), persistent=False)
        self.register_buffer("times", torch.tensor(times), persistent=False)

    def tokens(self, frames: Tensor, goal: Tensor, proprio: Tensor, closedness: Tensor) -> Tensor:
        """Everything the transformer reads.

        Args:
            frames: (B, T, V, S, S, 3) in [0, 1].
            goal: (B, V, S, S, 3) in [0, 1].
            proprio: (B, T, 7).
            closedness: (B, T) commanded.

        Returns:
            (B, N, D) in the order of ``kinds`` and ``times``.
        """
        batch, window = frames.shape[:2]
        aims = goal[:, None].expand_as(frames)
        both = torch.cat([frames, aims], dim=-1) * 2 - 1  # (B, T, V, S, S, 6)
        pictures = both.movedim(-1, -3).flatten(0, 1)  # (B T, V, 6, S, S)
        seen = torch.cat([stem(pictures[:, v]) for v, stem in enumerate(self.stems)], dim=1)
        state = self.state(torch.cat([encode_state(proprio), closedness[..., None]], dim=-1))
        observed = torch.cat([seen.unflatten(0, (batch, window)), state[:, :, None]], dim=2)
        readouts = self.readouts.expand(batch, -1, -1, -1)
        steps = torch.cat([observed + self.place, readouts], dim=2).flatten(1, 2)
        aim = (goal * 2 - 1).movedim(-1, -3)
        task = torch.cat([stem(aim[:, v]) for v, stem in enumerate(self.task_stems)], dim=1)
        return torch.cat([task + self.task_place, steps], dim=1)

    def transform(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D); ``seen`` (B, T) is False where a time step is padding."""
        mask = blockwise_mask(self.kinds, self.times, seen)
        for block in self.blocks:
            tokens = block(tokens, mask)
        out: Tensor = self.norm(tokens)
        return out

    def forward(
        self, frames: Tensor, goal: Tensor, proprio: Tensor, closedness: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Readouts (B, T, D) for actions, and the goal picture's gripper pose (B, T, 10).

        The pose is given as what it differs by from the pose now, both in ``encode_state`` form.
        """
        tokens = self.transform(self.tokens(frames, goal, proprio, closedness), seen)
        readouts = tokens[:, self.kinds == READOUT].unflatten(1, (-1, len(READOUTS)))
        return readouts[:, :, 0], self.pose(readouts[:, :, 1])

    def normalise(self, actions: Tensor) -> Tensor:
        """(..., 7) actions in units of the action scale -> what the head predicts."""
        return ((actions - self.action_mean) / self.action_std).clamp(-_LARGEST, _LARGEST)

    def denormalise(self, actions: Tensor) -> Tensor:
        """The inverse of ``normalise``."""
        return actions * self.action_std + self.action_mean
