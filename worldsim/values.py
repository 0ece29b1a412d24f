"""How far it is to a goal, and what to do about it: learnt from play, on frozen latents.

A goal-conditioned value (IQL, arXiv 2110.06169; HIQL, arXiv 2307.11949) counts the control steps
between two pictures along the best ways that recorded behaviour can be stitched to; a supervised
distance counts those along the way that was taken. Beside it stand a policy, of chunks of actions
that turned out better than what was usually done, and jumps, to where one could be somewhat later.

Shapes: B batch, N tokens, D latent width, H actions of a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from worldsim.jumps import Jumps
from worldsim.states import STATE_SIZE
from worldsim.world_model import WorldModel

HEADS = 2


@dataclass(frozen=True)
class ValueConfig:
    """Sizes of a goal value.

    Attributes:
        dim: latent width D.
        tokens: patch tokens N of an observation.
        chunk: actions of a chunk, H.
        gamma: discount of a control step.
        jump: control steps to the sub-goals that are imagined.
        components: numbers kept of each token.
        hidden: widths of the perceptrons.
        recorded: chunks that are kept as they were taken.
    """

    dim: int
    tokens: int
    chunk: int
    gamma: float = 0.97
    jump: int = 12
    components: int = 24
    hidden: tuple[int, ...] = (512, 512)
    recorded: int = 2048


class Components(nn.Module):
    """Principal components of tokens: fixed, so that all that is learnt is small."""

    mean: Tensor
    basis: Tensor

    def __init__(self, config: ValueConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(config.dim))
        self.register_buffer("basis", torch.zeros(config.dim, config.components))

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> None:
        """Take the directions in which tokens (M, D) differ most, scaled to a mean square of 1."""
        centred = tokens.double() - tokens.double().mean(dim=0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(tokens))  # ascending
        kept = self.basis.shape[1]
        self.mean.copy_(tokens.double().mean(dim=0))
        self.basis.copy_(vectors[:, -kept:] / values[-kept:].mean().sqrt())

    def forward(self, latents: Tensor) -> Tensor:
        """(B, N, D) -> (B, N * components)."""
        return ((latents.float() - self.mean) @ self.basis).flatten(1)

    def latents(self, components: Tensor) -> Tensor:
        """(B, N * components) -> (B, N, D), whose components they are."""
        each = components.unflatten(1, (-1, self.basis.shape[1]))
        # Columns are orthogonal and equally long.
        latents: Tensor = self.mean + each @ self.basis.T / self.basis[:, 0].square().sum()
        return latents


def _perceptron(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """With layer norms: without them values of unseen pairs run away."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class ValueHeads(nn.Module):
    """Two values of a pair of pictures, learnt from different initial weights."""

    def __init__(self, config: ValueConfig) -> None:
        super().__init__()
        self.gamma = config.gamma
        inputs = 2 * config.tokens * config.components
        self.heads = nn.ModuleList(_perceptron(inputs, config.hidden, 1) for _ in range(HEADS))

    def forward(self, now: Tensor, goal: Tensor) -> Tensor:
        """Components (B, N * components) of both -> (HEADS, B)."""
        pair = torch.cat([now, goal], dim=1)
        return torch.stack([head(pair)[:, 0] for head in self.heads])


class GoalValue(nn.Module):
    """Value, policy and jumps on the components of latents, and chunks for a search to try.

    Args:
        config: sizes.

    Attributes:
        recorded: (M, H, 7) chunks that were taken, in [-1, 1].
    """

    recorded: Tensor

    def __init__(self, config: ValueConfig) -> None:
        super().__init__()
        self.config = config
        self.components = Components(config)
        self.value = ValueHeads(config)
        inputs = 2 * config.tokens * config.components + 2 * STATE_SIZE + 1
        self.policy = _perceptron(inputs, config.hidden, 7 * config.chunk)
        self.jumps = Jumps(config.tokens, config.components)
        self.register_buffer("recorded", torch.zeros(config.recorded, config.chunk, 7))

    @classmethod
    def of(cls, model: WorldModel, **sizes: Any) -> GoalValue:
        """An untrained one for a model's latents, from all its cameras."""
        tokens = model.tokens(len(model.config.cameras))
        return cls(ValueConfig(model.encoder.width, tokens, model.config.chunk, **sizes))

    def steps(self, latents: Tensor, goal: Tensor) -> Tensor:
        """Control steps (B,) from latents (B, N, D) to the goal's (B, N, D) or (N, D)."""
        return self.apart(self.components(latents), self.components(goal.expand_as(latents)))

    def apart(self, now: Tensor, goal: Tensor) -> Tensor:
        """Control steps (B,) between pictures of these components (B, N * components).

        The value of d steps at -1 each is -(1 - gamma^d) / (1 - gamma).
        """
        gamma = self.config.gamma
        left = 1.0 + (1.0 - gamma) * self.value(now, goal).mean(dim=0)  # gamma^d
        steps: Tensor = left.clamp(1e-4, 1.0).log() / math.log(gamma)
        return steps

    def act(self, latents: Tensor, goal: Tensor, state: Tensor) -> Tensor:
        """Chunks (B, H, 7) in [-1, 1].

        Args:
            latents: (B, N, D) now.
            goal: (B, N, D).
            state: (B, 21), see ``WorldModel.goal_state``.
        """
        return self.chunk(self.components(latents), self.components(goal), state)

    def chunk(self, now: Tensor, goal: Tensor, state: Tensor) -> Tensor:
        """Chunks (B, H, 7) of components (B, N * components) of both pictures, and state."""
        flat: Tensor = self.policy(torch.cat([now, goal, state], dim=1))
        chunks: Tensor = torch.tanh(flat).unflatten(1, (self.config.chunk, 7))
        return chunks
