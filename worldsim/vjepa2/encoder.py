"""V-JEPA 2's video encoder (arXiv 2506.09985, section 2): a ViT on tubelets with 3-D RoPE."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldsim.vjepa2.layers import (
    NORM_EPS,
    Block,
    grid_positions,
    init_weights,
    rotary_table,
)


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder.

    Attributes:
        img_size: (height, width) or side of a frame in pixels.
        patch_size: pixels per patch side.
        tubelet_size: frames per token.
        embed_dim: latent width D.
        depth: blocks.
        num_heads: attention heads.
        mlp_ratio: hidden width over D.
    """

    img_size: int = 256
    patch_size: int = 16
    tubelet_size: int = 2
    embed_dim: int = 1024
    depth: int = 24
    num_heads: int = 16
    mlp_ratio: float = 4.0

    def __post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"embed_dim {self.embed_dim} is not a multiple of num_heads {self.num_heads}"
            )


class PatchEmbed3D(nn.Module):
    """Non-overlapping tubelets to vectors."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = (config.tubelet_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(3, config.embed_dim, kernel_size=size, stride=size)

    def forward(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, D, T', H', W')."""
        out: Tensor = self.proj(video)
        return out


class Encoder(nn.Module):
    """Video to patch latents; no class token."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed3D(config)
        self.blocks = nn.ModuleList(
            Block(config.embed_dim, config.num_heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.embed_dim, eps=NORM_EPS)
        self.apply(init_weights)

    def forward(self, video: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode all tokens, or only those a mask names.

        Args:
            video: (B, 3, T, H, W) normalised frames.
            mask: (B, K) indices of the tokens to keep.

        Returns:
            (B, N, D), or (B, K, D) under a mask.
        """
        x = self.patch_embed(video)  # (B, D, T', H', W')
        steps, rows, columns = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)  # (B, N, D)
        head_dim = self.config.embed_dim // self.config.num_heads
        table = rotary_table(*grid_positions(steps, rows, columns), head_dim).to(x.device)
        if mask is not None:
            x = torch.gather(x, 1, mask.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
            table = table[:, mask].unsqueeze(2)  # (2, B, 1, K, d): positions differ by sample
        for block in self.blocks:
            x = block(x, table)
        out: Tensor = self.norm(x)
        return out
