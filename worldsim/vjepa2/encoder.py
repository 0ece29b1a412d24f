"""V-JEPA 2's video encoder (arXiv 2506.09985, section 2): a ViT on tubelets with 3-D RoPE."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from worldsim.errors import UserError
from worldsim.pixels import prepare
from worldsim.vjepa2.layers import (
    NORM_EPS,
    grid_table,
    initialise,
    make_blocks,
    rotary_table,
    token_positions,
)

STEMS = ("patch", "conv")
VERSIONS = ("2", "2.1")


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder; the defaults are ViT-L.

    Attributes:
        img_size: side in pixels of the frames it was trained on; rotary positions take others too.
        patch_size: pixels per patch side.
        tubelet_size: frames per token.
        embed_dim: latent width D.
        depth: blocks.
        num_heads: attention heads.
        mlp_ratio: hidden width over D.
        stem: "patch" is V-JEPA 2's one linear map per tubelet; "conv" reaches the same grid by
            strided convolutions, which small encoders learn places from much sooner.
        version: of V-JEPA, see ``worldsim.vjepa2.version_2_1``.
    """

    img_size: int = 256
    patch_size: int = 16
    tubelet_size: int = 2
    embed_dim: int = 1024
    depth: int = 24
    num_heads: int = 16
    mlp_ratio: float = 4.0
    stem: str = "patch"
    version: str = "2"

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise UserError(f"no V-JEPA {self.version!r}: allowed are {', '.join(VERSIONS)}")
        if self.stem not in STEMS:
            raise UserError(f"unknown stem {self.stem!r}: allowed are {', '.join(STEMS)}")


class PatchEmbed3D(nn.Module):
    """Non-overlapping tubelets to vectors."""

    def __init__(self, config: EncoderConfig, tubelet_size: int) -> None:
        super().__init__()
        size = (tubelet_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(3, config.embed_dim, kernel_size=size, stride=size)

    def forward(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, D, T', H', W')."""
        out: Tensor = self.proj(video)
        return out


_LAST_TWO = 4  # layers: convolution, norm, GELU, convolution
_DETAILED = 8  # px a patch: three convolutions, of which one is left


class ConvStem(nn.Module):
    """Tubelets to vectors by 3 x 3 convolutions of stride 2 (arXiv 2106.14881).

    The patch side is a power of two. Patches above 16 px are those of 16 px seen more sharply: the
    first kernel and its stride grow with them, so that finer pictures cost next to nothing, and a
    stem can go on from coarser ones (``sharpen``). Neighbouring patches overlap, so masked tokens
    leak into kept ones: not for mask denoising.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        finer = max(1, config.patch_size // 16)
        halvings = (config.patch_size // finer).bit_length() - 1
        if finer * 2**halvings != config.patch_size or finer.bit_count() != 1:
            raise UserError(f"a conv stem needs a patch size of 2, 4, 8, ...: {config.patch_size}")
        self.tubelet_size = config.tubelet_size
        widths = [max(16, config.embed_dim >> n) for n in reversed(range(halvings))]
        widths[0] *= finer
        layers: list[nn.Module] = []
        for before, after in pairwise([3 * config.tubelet_size, *widths]):
            scale = 1 if layers else finer
            layers += [
                nn.Conv2d(before, after, 3 * scale, 2 * scale, scale),
                nn.GroupNorm(1, after),
                nn.GELU(),
            ]
        # Blocks start with a norm of their own.
        self.layers = nn.Sequential(*layers[:-2])

    def forward(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, D, T', H', W')."""
        batch, steps = len(video), video.shape[2] // self.tubelet_size
        out: Tensor = self.layers(self._tubelets(video)).unflatten(0, (batch, steps))
        return out.transpose(1, 2)

    def details(self, video: Tensor) -> Tensor:
        """(B, 3, t, H, W), one tubelet -> (B, C, 4 H', 4 W'): before the last two convolutions."""
        out: Tensor = self.layers[:-_LAST_TWO](self._tubelets(video))
        return out

    def _tubelets(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B T', 3 t, H, W), channels innermost.

        Frame by frame: copying them interleaved all at once takes four times as long.
        """
        x = video.unflatten(2, (-1, self.tubelet_size)).permute(0, 2, 4, 5, 1, 3)
        out = x.new_empty(x.shape)  # (B, T', H, W, 3, t)
        for frame in range(self.tubelet_size):
            out[..., frame] = x[..., frame]
        flat: Tensor = out.flatten(4).flatten(0, 1)
        return flat.permute(0, 3, 1, 2)


class Encoder(nn.Module):
    """Video to patch latents; no class token."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.stem == "patch":
            self.patch_embed: nn.Module = PatchEmbed3D(config, config.tubelet_size)
        else:
            self.patch_embed = ConvStem(config)
        self.blocks = make_blocks(
            config.depth, config.embed_dim, config.num_heads, config.mlp_ratio
        )
        self._make_rest()
        initialise(self, self.blocks)

    def _make_rest(self) -> None:
        """What differs between versions."""
        self.norm = nn.LayerNorm(self.config.embed_dim, eps=NORM_EPS)

    @property
    def size(self) -> int:
        """Pixels per side that ``encode`` resizes frames to."""
        return self.config.img_size

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches of one frame."""
        side = self.config.img_size // self.config.patch_size
        return side, side

    @property
    def width(self) -> int:
        """Latent width D."""
        return self.config.embed_dim

    def encode(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 frames -> (B, P, D): each alone, repeated to fill the tubelet.

        So does V-JEPA 2-AC (arXiv 2506.09985, 3.1).
        """
        out: Tensor = self(self._still(frames))
        return out

    @property
    def details_size(self) -> tuple[int, int, int]:
        """(rows, columns, width) of ``details``.

        Raises:
            UserError: there is no stem of three convolutions or more, so there are none.
        """
        if not isinstance(self.patch_embed, ConvStem) or self.config.patch_size < _DETAILED:
            raise UserError(
                f"this encoder has no details: a conv stem with patches of {_DETAILED} px or more "
                "sees them"
            )
        rows, columns = self.grid
        last: nn.Module = self.patch_embed.layers[-_LAST_TWO]
        assert isinstance(last, nn.Conv2d)
        return 4 * rows, 4 * columns, last.in_channels

    def details(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 frames -> (B, 16 P, C): what the stem sees before it sums it up.

        A grid four times as fine as the latents', row by row; see ``details_size``.
        """
        assert isinstance(self.patch_embed, ConvStem)
        return self.patch_embed.details(self._still(frames)).flatten(2).transpose(1, 2)

    def _still(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 frames -> (B, 3, t, S, S): each repeated to fill a tubelet."""
        x = prepare(frames, self.size).unsqueeze(2)  # (B, 3, 1, S, S)
        return x.expand(-1, -1, self.config.tubelet_size, -1, -1)

    def forward(self, video: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode all tokens, or only those a mask names; the others are never seen.

        Args:
            video: (B, 3, T, H, W) normalised frames; T full tubelets, H and W full patches.
            mask: (B, K) indices of the tokens to keep, time-major then row by row.

        Returns:
            (B, N, D), or (B, K, D) under a mask.

        Raises:
            ValueError: when the frames do not divide into tubelets and patches.
        """
        x, table = self._tokens(video, mask)
        for block in self.blocks:
            x = block(x, table)
        out: Tensor = self.norm(x)
        return out

    def _tokens(self, video: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, N or K, D) and their rotary table."""
        self._check(video)
        x = self._embed(video)  # (B, D, T', H', W')
        steps, rows, columns = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)  # (B, N, D)
        head_dim = self.config.embed_dim // self.config.num_heads
        (down, across), interleave = self._positions(rows, columns)
        if mask is None:
            spacing = (down, across)
            return x, grid_table(steps, rows, columns, head_dim, x.device, spacing, interleave)
        x = torch.gather(x, 1, mask.unsqueeze(-1).expand(-1, -1, x.shape[-1]))  # (B, K, D)
        time, height, width = token_positions(mask, rows, columns)
        table = rotary_table(time, height * down, width * across, head_dim, interleave)
        return x, table.unsqueeze(2)  # (2, B, 1, K, d): the same for all heads

    def _embed(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, D, T', H', W')."""
        out: Tensor = self.patch_embed(video)
        return out

    def _positions(self, rows: int, columns: int) -> tuple[tuple[float, float], bool]:
        """Spacing of rows and columns, and whether frequencies are interleaved."""
        return (1.0, 1.0), False

    def _whole(self, frames: int) -> bool:
        """Whether so many frames make whole tubelets."""
        return frames > 0 and frames % self.config.tubelet_size == 0

    def _check(self, video: Tensor) -> None:
        cfg = self.config
        if video.dim() != 5 or video.shape[1] != 3:
            raise UserError(f"a video has shape (B, 3, T, H, W), got {tuple(video.shape)}")
        frames, height, width = video.shape[2:]
        if not self._whole(frames):
            raise UserError(f"{frames} frames do not divide into tubelets of {cfg.tubelet_size}")
        if height % cfg.patch_size or width % cfg.patch_size:
            raise UserError(
                f"{height} x {width} pixels do not divide into patches of {cfg.patch_size}"
            )
