"""V-JEPA 2-AC's action-conditioned predictor (arXiv 2506.09985, section 3.1).

Per time step the tokens are ``[action, state, (extrinsics), patches]``. Attention is block-causal:
full within a step and to all earlier steps. Only patch tokens come out. Action and state tokens
carry temporal positions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from worldsim.vjepa2.layers import (
    NORM_EPS,
    Block,
    axis_size,
    grid_positions,
    init_weights,
    rotary_table,
)


@dataclass(frozen=True)
class ACPredictorConfig:
    """Sizes of an action-conditioned predictor.

    Attributes:
        grid: (rows, columns) of patches per time step; two stacked views double the rows.
        embed_dim: width D of the encoder's latents.
        predictor_embed_dim: width inside.
        depth: blocks.
        num_heads: attention heads.
        action_dim, state_dim: sizes of one action and one state.
        use_extrinsics: whether a camera-pose token joins each step.
        mlp_ratio: hidden width over the width inside.
    """

    grid: tuple[int, int] = (16, 16)
    embed_dim: int = 1408
    predictor_embed_dim: int = 1024
    depth: int = 24
    num_heads: int = 16
    action_dim: int = 7
    state_dim: int = 7
    use_extrinsics: bool = False
    mlp_ratio: float = 4.0


@lru_cache(maxsize=32)
def _layout(
    steps: int, grid: tuple[int, int], extra: int, head_dim: int
) -> tuple[Tensor, Tensor]:
    """Rotary table (2, N, head_dim) and block-causal mask (N, N) of an interleaved sequence."""
    rows, columns = grid
    per_step = extra + rows * columns
    patches = rotary_table(*grid_positions(steps, rows, columns), head_dim)
    patches = patches.unflatten(1, (steps, rows * columns))  # (2, T, P, d)
    zeros = torch.zeros(steps, dtype=torch.long)
    # Position zero turns nothing, so height and width stay as they are.
    temporal = rotary_table(torch.arange(steps), zeros, zeros, head_dim)
    temporal[0, :, axis_size(head_dim) :] = 1.0
    temporal[1, :, axis_size(head_dim) :] = 0.0
    table = torch.cat([temporal[:, :, None].expand(-1, -1, extra, -1), patches], dim=2).flatten(1, 2)
    step = torch.arange(steps).repeat_interleave(per_step)
    return table, step[:, None] >= step[None, :]


class ACPredictor(nn.Module):
    """Latents, actions and states of steps 1..T to latents of steps 2..T+1."""

    def __init__(self, config: ACPredictorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.predictor_embed_dim
        self.predictor_embed = nn.Linear(config.embed_dim, width)
        self.action_encoder = nn.Linear(config.action_dim, width)
        self.state_encoder = nn.Linear(config.state_dim, width)
        # In the released weights even where it is not used.
        self.extrinsics_encoder = nn.Linear(6, width)
        self.predictor_blocks = nn.ModuleList(
            Block(width, config.num_heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.predictor_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.predictor_proj = nn.Linear(width, config.embed_dim)
        self.apply(init_weights)

    def forward(
        self, tokens: Tensor, actions: Tensor, states: Tensor, extrinsics: Tensor | None = None
    ) -> Tensor:
        """Predict the next step of every step.

        Args:
            tokens: (B, T * P, D) patch latents, step after step.
            actions: (B, T, action_dim).
            states: (B, T, state_dim).
            extrinsics: (B, T, 6), where the model uses them.

        Returns:
            (B, T * P, D): the tokens at step t predict step t + 1.

        Raises:
            ValueError: when the sizes do not fit each other.
        """
        batch, steps = actions.shape[:2]
        columns = self.config.grid[1]
        patches = tokens.shape[1] // steps
        if tokens.shape[1] % steps or patches % columns:
            raise ValueError(
                f"{tokens.shape[1]} tokens do not make {steps} steps of rows of {columns} patches"
            )
        parts = [self.action_encoder(actions), self.state_encoder(states)]
        if self.config.use_extrinsics:
            if extrinsics is None:
                raise ValueError("this predictor was built with extrinsics: pass (B, T, 6)")
            parts.append(self.extrinsics_encoder(extrinsics))
        x = self.predictor_embed(tokens).unflatten(1, (steps, patches))  # (B, T, P, C)
        x = torch.cat([part.unsqueeze(2) for part in parts] + [x], dim=2)  # (B, T, E + P, C)
        x = x.flatten(1, 2)
        head_dim = self.config.predictor_embed_dim // self.config.num_heads
        table, mask = _layout(steps, (patches // columns, columns), len(parts), head_dim)
        table, mask = table.to(x.device), mask.to(x.device)
        for block in self.predictor_blocks:
            x = block(x, table, mask)
        x = x.unflatten(1, (steps, -1))[:, :, len(parts) :].flatten(1, 2)
        out: Tensor = self.predictor_proj(self.predictor_norm(x))
        return out
