"""A flow-matching policy on latents (arXiv 2210.02747), with classifier-free guidance.

A chunk of actions is what noise becomes by following a velocity from time 0 to 1. The velocity is
learnt with and without the goal; acting follows the difference of the two farther than it was
learnt, which makes behaviour cloning seek the goal more than its demonstrators did (CFGRL, arXiv
2505.23458; classifier-free guidance, arXiv 2207.12598).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.heads import TokenReader, mlp
from worldsim.noise import normal
from worldsim.pairs import PairReader
from worldsim.states import STATE_SIZE
from worldsim.typical import most_typical_of_each

GUIDANCE, EULER_STEPS = 1.5, 10
"""How much more than a clone an acting flow seeks the goal, and in how many steps it is solved."""
_FREQUENCIES = 16

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(B, M) on the way from noise and times (B,) in [0, 1] -> (B, M)."""


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of a flow head.

    Attributes:
        dim: latent width D.
        grid: (rows, columns) of a view's patches.
        views: of an observation; N patch tokens in all.
        state_size: numbers read beside latents; the last ten are the gap to the goal.
        chunk: actions of a chunk, H.
        context: width of what is read from the latents.
        hidden: width of the velocity's residual perceptron.
        blocks: of it.
        pairs: whether pictures are read pair by pair, too, see ``worldsim.pairs``.
    """

    dim: int
    grid: tuple[int, int]
    views: int
    state_size: int
    chunk: int
    context: int = 256
    hidden: int = 256
    blocks: int = 3
    pairs: bool = False


class Residual(nn.Module):
    """A residual perceptron that knows the time of a flow.

    Args:
        inputs: numbers read.
        hidden: width.
        blocks: of it.
        outputs: numbers returned.
    """

    def __init__(self, inputs: int, hidden: int, blocks: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs + 2 * _FREQUENCIES, hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), mlp(hidden, (2 * hidden,), hidden))
            for _ in range(blocks)
        )
        self.leave = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, inputs) at times (B,) in [0, 1] -> (B, outputs)."""
        octaves = 2.0 ** torch.arange(_FREQUENCIES, device=time.device) * (math.pi / 64)
        angle = time[:, None] * octaves
        x = self.enter(torch.cat([x, angle.cos(), angle.sin()], dim=1))
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.leave(F.silu(x))
        return out


class FlowHead(nn.Module):
    """Velocity of noisy action chunks, given latents now and, where it is known, of the goal.

    Actions are normalised by the mean and deviation of those it was trained on.
    """

    action_mean: Tensor
    action_std: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.reader = _reader(config)
        size = 7 * config.chunk
        self.velocity = Residual(config.context + size, config.hidden, config.blocks, size)
        self.register_buffer("action_mean", torch.zeros(7))
        self.register_buffer("action_std", torch.ones(7))

    def read(self, now: Tensor, goal: Tensor, state: Tensor, known: Tensor) -> Tensor:
        """What decides the action.

        Args:
            now: (B, N, D) latents of the present frame.
            goal: (B, N, D) latents of the goal picture.
            state: (B, state_size), the last ten numbers being the gap to the goal.
            known: (B,) True where the goal may be looked at.

        Returns:
            (B, context).
        """
        shown = known.to(state.dtype)[:, None]
        own, gap = state.split((state.shape[1] - STATE_SIZE, STATE_SIZE), dim=1)
        beside = torch.cat([own, gap * shown, shown], dim=1)
        context: Tensor = F.gelu(self.reader(now, goal * shown[:, :, None], extra=beside))
        return context

    def forward(self, context: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """Velocity (B, 7 H) of chunks (B, 7 H) at times (B,) in [0, 1], given ``read``'s result."""
        velocity: Tensor = self.velocity(torch.cat([context, noisy], dim=1), time)
        return velocity

    def loss(
        self,
        inputs: tuple[Tensor, Tensor, Tensor],
        actions: Tensor,
        weights: Tensor,
        goal_free: float,
        rng: np.random.Generator,
    ) -> Tensor:
        """Mean square error of the velocity towards recorded chunks.

        Args:
            inputs: latents now, of the goal, and state, see ``read``.
            actions: (B, H, 7) in units of the action scale.
            weights: (B,) of the chunks, of sum one.
            goal_free: share of the batch whose goal is hidden.
            rng: of this batch.
        """
        clean = ((actions - self.action_mean) / self.action_std).flatten(1)  # (B, 7 H)
        noise, time = drawn(clean, rng)
        known = torch.from_numpy(rng.random(len(clean)) >= goal_free).to(clean.device)
        context = self.read(*inputs, known)
        error = flow_error(partial(self, context), clean, noise, time)
        return (error * weights).sum()

    @torch.inference_mode()
    def sample(
        self,
        inputs: tuple[Tensor, Tensor, Tensor],
        rng: np.random.Generator,
        guidance: float = GUIDANCE,
        draws: int = 1,
    ) -> Tensor:
        """Chunks of actions (B, H, 7), in units of the action scale.

        Args:
            inputs: latents now, of the goal, and state, see ``read``.
            rng: of the episode.
            guidance: 0 ignores the goal, 1 clones, more seeks the goal.
            draws: for each, of which the most typical is returned.
        """
        known = torch.ones(len(inputs[0]), dtype=torch.bool, device=inputs[0].device)
        seeing, blind = (
            self.read(*inputs, shown).repeat_interleave(draws, dim=0) for shown in (known, ~known)
        )
        count = len(seeing)

        def guided(chunk: Tensor, time: Tensor) -> Tensor:
            towards, anyway = self(seeing, chunk, time), self(blind, chunk, time)
            found: Tensor = anyway + guidance * (towards - anyway)
            return found

        chunk = solved(guided, normal(rng, (count, 7 * self.config.chunk), seeing))
        actions: Tensor = most_typical_of_each(chunk, draws).unflatten(1, (-1, 7))
        return actions * self.action_std + self.action_mean


def _reader(config: FlowConfig) -> nn.Module:
    """What turns two pictures and what is known beside them into a context."""
    extra = config.state_size + 1
    if config.pairs:
        return PairReader(config.dim, config.grid, config.views, extra, config.context)
    tokens = math.prod(config.grid) * config.views
    return TokenReader(config.dim, tokens, config.context, 2, extra, hidden=(512,), dropout=0.1)


def drawn(clean: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Noise (B, M) and times (B,) for what (B, M) noise is to become."""
    times: NDArray[np.float32] = rng.random(len(clean), dtype=np.float32)
    return normal(rng, tuple(clean.shape), clean), torch.from_numpy(times).to(clean.device)


def flow_error(velocity: Velocity, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Mean square errors (B,) of the velocity from noise (B, M) to what it is to become (B, M)."""
    found = velocity(torch.lerp(noise, clean, time[:, None]), time).float()
    error: Tensor = (found - (clean - noise)).square().mean(dim=1)
    return error


def solved(velocity: Velocity, noise: Tensor) -> Tensor:
    """What noise (B, M) becomes."""
    found = noise
    for step in range(EULER_STEPS):
        time = found.new_full((len(found),), step / EULER_STEPS)
        found = found + velocity(found, time) / EULER_STEPS
    return found
