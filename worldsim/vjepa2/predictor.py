"""V-JEPA 2's masked predictor (arXiv 2506.09985, section 2): latents of what the encoder never saw.

Context tokens and one learned mask token per hidden place go through a narrow transformer; what
comes out at the hidden places is compared with the EMA encoder's features there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldsim.errors import UserError
from worldsim.vjepa2.layers import (
    NORM_EPS,
    initialise,
    make_blocks,
    rotary_table,
    token_positions,
)


@dataclass(frozen=True)
class PredictorConfig:
    """Sizes of a masked predictor; the defaults are those of the released ones.

    Attributes:
        grid: (rows, columns) of patches per time step.
        embed_dim: width D of the encoder's latents.
        predictor_embed_dim: width C inside.
        depth: blocks.
        num_heads: attention heads.
        num_mask_tokens: learned mask tokens, one per kind of mask.
        mlp_ratio: hidden width over C.
        version: of V-JEPA, see ``worldsim.vjepa2.version_2_1``; what follows is for 2.1 alone.
        levels: depths of the encoder whose latents come in side by side: 1 or 4.
        target_dim: width of the latents predicted for each level; None is D.
    """

    grid: tuple[int, int] = (16, 16)
    embed_dim: int = 1024
    predictor_embed_dim: int = 384
    depth: int = 12
    num_heads: int = 12
    num_mask_tokens: int = 10
    mlp_ratio: float = 4.0
    version: str = "2"
    levels: int = 1
    target_dim: int | None = None


class Predictor(nn.Module):
    """Latents at visible places to latents at hidden places."""

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.predictor_embed_dim
        self.predictor_embed = self._make_embed()
        # Zero at the start, as in the released configurations.
        self.mask_tokens = nn.ParameterList(
            nn.Parameter(torch.zeros(1, 1, width)) for _ in range(config.num_mask_tokens)
        )
        self.predictor_blocks = make_blocks(config.depth, width, config.num_heads, config.mlp_ratio)
        self.predictor_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self._make_projections()
        initialise(self, self.predictor_blocks)

    # What differs between versions.

    def _make_embed(self) -> nn.Module:
        return nn.Linear(self.config.embed_dim, self.config.predictor_embed_dim)

    def _make_projections(self) -> None:
        self.predictor_proj = nn.Linear(self.config.predictor_embed_dim, self.config.embed_dim)

    def forward(
        self, context: Tensor, mask_context: Tensor, mask_predict: Tensor, mask_index: int = 1
    ) -> Tensor:
        """Predict the latents of hidden tokens.

        Args:
            context: (B, Kc, D) latents of the visible tokens.
            mask_context: (B, Kc) their indices in the clip's grid.
            mask_predict: (B, Kp) indices of the tokens to predict.
            mask_index: which mask token stands for them (modulo their number).

        Returns:
            (B, Kp, D) in the order of ``mask_predict``.

        Raises:
            ValueError: when the masks do not fit the context.
        """
        x = self._read(context, mask_context, mask_predict, mask_index)
        out: Tensor = self.predictor_proj(x[:, mask_context.shape[1] :])  # (B, Kp, D)
        return out

    def _read(
        self, context: Tensor, mask_context: Tensor, mask_predict: Tensor, mask_index: int
    ) -> Tensor:
        """Normalised tokens (B, Kc + Kp, C): those of the context, then those of hidden places."""
        if context.shape[:2] != mask_context.shape or len(context) != len(mask_predict):
            raise UserError(
                f"context {tuple(context.shape)}, its mask {tuple(mask_context.shape)} and the "
                f"mask to predict {tuple(mask_predict.shape)} do not fit: allowed are (B, Kc, D), "
                "(B, Kc) and (B, Kp)"
            )
        cfg = self.config
        blank = self.mask_tokens[mask_index % cfg.num_mask_tokens]
        hidden = blank.expand(*mask_predict.shape, -1)  # (B, Kp, C)
        x = self._mark(torch.cat([self.predictor_embed(context), hidden], dim=1))
        # Every token carries its own position, so their order does not matter (upstream sorts).
        places = torch.cat([mask_context, mask_predict], dim=1)  # (B, Kc + Kp)
        head_dim = cfg.predictor_embed_dim // cfg.num_heads
        positions = token_positions(places, *cfg.grid)
        table = rotary_table(*positions, head_dim, interleave=cfg.version == "2.1")
        table = table.unsqueeze(2)  # (2, B, 1, Kc + Kp, d): the same for all heads
        for block in self.predictor_blocks:
            x = block(x, table)
        out: Tensor = self.predictor_norm(x)
        return out

    def _mark(self, tokens: Tensor) -> Tensor:
        """Tokens with what says where they come from."""
        return tokens
