"""Small heads on patch latents: the proprioceptive read-out and the goal head.

Neither ever sees the simulator's object pose. The read-out's labels are the robot's own recorded
state; the goal head's labels are hindsight: later frames of the same episode as goals, the number
of steps between as distance, the recorded actions as proposals.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from worldsim.vjepa2.layers import attend


class AttentivePool(nn.Module):
    """Learnt queries read a set of tokens (one cross-attention), V-JEPA 2's probe in small.

    Rotary positions are relative, so a token does not say where it is: a learnt place embedding
    does. Without it tiny encoders are slow to learn where the gripper is.
    """

    def __init__(self, dim: int, tokens: int, queries: int, heads: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(tokens, dim) * 0.02)
        self.heads = heads
        self.query = nn.Parameter(torch.randn(queries, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, Q, D)."""
        batch, _, dim = tokens.shape
        placed = self.norm(tokens) + self.place[: tokens.shape[1]]
        key, value = self.key_value(placed).chunk(2, dim=-1)  # (B, N, D) each
        split = (self.heads, dim // self.heads)
        key = key.unflatten(-1, split).transpose(1, 2)  # (B, heads, N, d)
        value = value.unflatten(-1, split).transpose(1, 2)
        query = self.query.to(key.dtype).unflatten(-1, split).transpose(0, 1)  # (heads, Q, d)
        query = query.expand(batch, -1, -1, -1)
        pooled = attend(query, key, value)  # (B, heads, Q, d)
        out: Tensor = self.proj(pooled.transpose(1, 2).flatten(2))
        return out


def mlp(inputs: int, hidden: int, outputs: int, layers: int = 2) -> nn.Sequential:
    """Plain GELU perceptron."""
    sizes = [inputs] + [hidden] * (layers - 1)
    blocks: list[nn.Module] = []
    for a, b in pairwise(sizes):
        blocks += [nn.Linear(a, b), nn.GELU()]
    return nn.Sequential(*blocks, nn.Linear(sizes[-1], outputs))


class ReadOut(nn.Module):
    """Patch latents -> encoded proprioception (see ``worldsim.states.encode_state``)."""

    def __init__(
        self, dim: int, tokens: int, outputs: int, heads: int = 4, queries: int = 8
    ) -> None:
        super().__init__()
        self.pool = AttentivePool(dim, tokens, queries, heads)
        self.mlp = mlp(queries * dim, dim, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, outputs)."""
        out: Tensor = self.mlp(self.pool(tokens).flatten(1))
        return out


class _Block(nn.Module):
    """Pre-norm transformer block without positions: the embeddings carry them."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.mlp = mlp(dim, 2 * dim, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N, d)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        attended = attend(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.drop(self.proj(attended))
        out: Tensor = x + self.drop(self.mlp(self.norm2(x)))
        return out


class GoalHead(nn.Module):
    """What would I do, and how far is it? From latents now and latents of the goal picture.

    Outputs a chunk of actions (the proposal that seeds the planner) and the number of control
    steps to the goal (a temporal distance learnt by hindsight, the energy of far goals).

    Args:
        dim: latent width D of the encoder.
        tokens: largest number of patch tokens per observation.
        state_size: width of the encoded proprioception.
        chunk: actions proposed, H.
        max_steps: temporal distances are capped here.
    """

    def __init__(
        self,
        dim: int,
        tokens: int,
        state_size: int,
        chunk: int,
        max_steps: int,
        width: int = 128,
        depth: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.chunk, self.max_steps = chunk, max_steps
        self.now = nn.Linear(dim, width)
        self.goal = nn.Linear(dim, width)
        self.place = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.kind = nn.Parameter(torch.randn(2, width) * 0.02)
        self.state = nn.Linear(state_size, width)
        self.queries = nn.Parameter(torch.randn(2, width) * 0.02)
        self.blocks = nn.ModuleList(_Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.actions = nn.Linear(width, chunk * 7)
        self.steps = nn.Linear(width, 1)

    def forward(self, now: Tensor, goal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Propose and measure.

        Args:
            now: (B, N, D) latents of the current frame.
            goal: (B, N, D) latents of the goal picture.
            state: (B, state_size) encoded proprioception and commanded closedness.

        Returns:
            actions (B, H, 7) in [-1, 1] and steps to the goal (B,) in [0, max_steps].
        """
        count = now.shape[1]
        place = self.place[:count]
        parts = [
            self.queries.expand(len(now), -1, -1),
            self.state(state).unsqueeze(1),
            self.now(now) + place + self.kind[0],
            self.goal(goal) + place + self.kind[1],
        ]
        x = torch.cat(parts, dim=1)  # (B, 3 + 2N, width)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, :2])
        actions = torch.tanh(self.actions(x[:, 0])).unflatten(-1, (self.chunk, 7))
        steps = torch.sigmoid(self.steps(x[:, 1]).squeeze(-1)) * self.max_steps
        return actions, steps
