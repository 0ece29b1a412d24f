"""V-JEPA 2.1's encoder and masked predictor (arXiv 2603.14482): what differs from version 2.

- Single frames have an embedding of their own, and a learned vector tells pictures from videos.
- Rotary frequencies are interleaved. In the encoder positions are stretched to the grid of 256 px
  it was first trained on, so that any resolution spans the same range.
- Four depths of the encoder end in a norm each. The last one's is the encoder's output; the
  predictor of the large models reads all four side by side, that of the distilled ones the last.
- The predictor also predicts what it was shown, through a projection of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worldsim.pixels import prepare
from worldsim.vjepa2.encoder import Encoder, PatchEmbed3D
from worldsim.vjepa2.layers import NORM_EPS
from worldsim.vjepa2.predictor import Predictor

LEVELS = 4
# The released 48 blocks are not divided evenly.
_UNEVEN = {48: (11, 23, 37, 47)}
_FIRST_SIZE = 256


def norm_depths(depth: int) -> tuple[int, ...]:
    """Blocks after which the four norms stand."""
    even = tuple(-(-depth * (level + 1) // LEVELS) - 1 for level in range(LEVELS))
    return _UNEVEN.get(depth, even)


class Encoder21(Encoder):
    """Video or single frames to patch latents."""

    def _make_rest(self) -> None:
        cfg = self.config
        self.patch_embed_img = PatchEmbed3D(cfg, tubelet_size=1)
        self.norms_block = nn.ModuleList(
            nn.LayerNorm(cfg.embed_dim, eps=NORM_EPS) for _ in range(LEVELS)
        )
        self.img_mod_embed = nn.Parameter(1e-6 * torch.randn(1, 1, cfg.embed_dim))
        self.video_mod_embed = nn.Parameter(1e-6 * torch.randn(1, 1, cfg.embed_dim))

    def encode(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 frames -> (B, P, D): each as a picture."""
        out: Tensor = self(prepare(frames, self.size).unsqueeze(2))
        return out

    def forward(self, video: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, 3, T, H, W) -> (B, N, D); one frame is a picture. See ``Encoder.forward``."""
        return self.hierarchy(video, mask)[-1]

    def hierarchy(self, video: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Latents (B, N, D) of the four depths; side by side they are a predictor's context."""
        x, table = self._tokens(video, mask)
        depths, levels = norm_depths(self.config.depth), []
        for number, block in enumerate(self.blocks):
            x = block(x, table)
            # Fewer blocks than norms (cut models) put several norms after one block.
            levels += [
                norm(x) for norm, d in zip(self.norms_block, depths, strict=True) if d == number
            ]
        return levels

    def _embed(self, video: Tensor) -> Tensor:
        single = video.shape[2] == 1
        embed = self.patch_embed_img if single else self.patch_embed
        kind = self.img_mod_embed if single else self.video_mod_embed  # (1, 1, D)
        out: Tensor = embed(video) + kind.view(1, -1, 1, 1, 1)
        return out

    def _positions(self, rows: int, columns: int) -> tuple[tuple[float, float], bool]:
        last = _FIRST_SIZE // self.config.patch_size - 1
        return (last / max(1, rows - 1), last / max(1, columns - 1)), True

    def _whole(self, frames: int) -> bool:
        return frames == 1 or super()._whole(frames)


class Predictor21(Predictor):
    """Latents at visible places to latents at hidden ones, of one or four depths."""

    def _make_embed(self) -> nn.Module:
        cfg = self.config
        if cfg.levels == 1:
            return super()._make_embed()
        return nn.Sequential(
            nn.Linear(cfg.levels * cfg.embed_dim, cfg.embed_dim),
            nn.GELU(),
            nn.Linear(cfg.embed_dim, cfg.predictor_embed_dim),
        )

    def _make_projections(self) -> None:
        cfg = self.config
        width = cfg.levels * (cfg.target_dim or cfg.embed_dim)
        self.predictor_proj = nn.Linear(cfg.predictor_embed_dim, width)
        self.predictor_proj_context = nn.Linear(cfg.predictor_embed_dim, width)
        self.img_mod_embed = nn.Parameter(1e-6 * torch.randn(1, 1, cfg.predictor_embed_dim))
        self.video_mod_embed = nn.Parameter(1e-6 * torch.randn(1, 1, cfg.predictor_embed_dim))

    def _mark(self, tokens: Tensor) -> Tensor:
        return tokens + self.video_mod_embed

    def both(
        self, context: Tensor, mask_context: Tensor, mask_predict: Tensor, mask_index: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Latents (B, Kp, ...) at hidden and (B, Kc, ...) at visible places of a video.

        Arguments as in ``Predictor.forward``; the context is (B, Kc, levels * D).
        """
        x = self._read(context, mask_context, mask_predict, mask_index)
        seen = mask_context.shape[1]
        return self.predictor_proj(x[:, seen:]), self.predictor_proj_context(x[:, :seen])
