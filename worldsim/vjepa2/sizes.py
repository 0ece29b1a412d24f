"""Sizes of V-JEPA 2 (arXiv 2506.09985, table 12) and 2.1 (arXiv 2603.14482), and ``tiny``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from worldsim.errors import UserError
from worldsim.vjepa2.ac_predictor import ACPredictorConfig
from worldsim.vjepa2.encoder import EncoderConfig
from worldsim.vjepa2.predictor import PredictorConfig
from worldsim.vjepa2.version_2_1 import LEVELS


@dataclass(frozen=True)
class Sizes:
    """Configurations that fit together.

    Attributes:
        encoder: of the video encoder.
        predictor: of the masked predictor of stage 1.
        ac_predictor: of the action-conditioned predictor of stage 2.
    """

    encoder: EncoderConfig
    predictor: PredictorConfig
    ac_predictor: ACPredictorConfig


_ENCODERS = {
    "vitl": EncoderConfig(),
    "vith": EncoderConfig(embed_dim=1280, depth=32),
    "vitg": EncoderConfig(embed_dim=1408, depth=40, num_heads=22, mlp_ratio=48 / 11),
    "vitg-384": EncoderConfig(
        img_size=384, embed_dim=1408, depth=40, num_heads=22, mlp_ratio=48 / 11
    ),
}
_ENCODERS_2_1 = {
    "2.1-vitb": EncoderConfig(384, embed_dim=768, depth=12, num_heads=12, version="2.1"),
    "2.1-vitl": EncoderConfig(384, version="2.1"),
    "2.1-vitg": EncoderConfig(
        384, embed_dim=1408, depth=40, num_heads=22, mlp_ratio=48 / 11, version="2.1"
    ),
    "2.1-vitG": EncoderConfig(
        384, embed_dim=1664, depth=48, num_heads=26, mlp_ratio=64 / 13, version="2.1"
    ),
}
# ViT-B and ViT-L are distilled from ViT-G: one depth in, latents of its width out.
_DISTILLED: dict[str, Any] = {"depth": 12, "levels": 1, "target_dim": 1664}
_ENCODERS |= _ENCODERS_2_1
NAMES = ("tiny", *_ENCODERS)


def sizes(name: str) -> Sizes:
    """Configurations by name: tiny, vitl, vith, vitg, vitg-384, or 2.1-vitb, -vitl, -vitg, -vitG.

    ``tiny`` takes two stacked views of 64 pixels; the others are the released ones with the
    released action-conditioned predictor (trained with version 2's ViT-g at 256 pixels only).

    Raises:
        ValueError: an unknown name.
    """
    if name == "tiny":
        return Sizes(
            EncoderConfig(img_size=64, embed_dim=128, depth=6, num_heads=4, stem="conv"),
            PredictorConfig(
                grid=(4, 4), embed_dim=128, predictor_embed_dim=96, depth=3, num_heads=3
            ),
            ACPredictorConfig(
                grid=(8, 4),
                embed_dim=128,
                predictor_embed_dim=160,
                depth=4,
                num_heads=5,
                state_dim=10,
            ),
        )
    if name not in _ENCODERS:
        raise UserError(f"no model size {name!r}: allowed are {', '.join(NAMES)}")
    encoder = _ENCODERS[name]
    side = encoder.img_size // encoder.patch_size
    grid, width = (side, side), encoder.embed_dim
    masked = PredictorConfig(grid=grid, embed_dim=width)
    if encoder.version == "2.1":
        large: dict[str, Any] = {"depth": 24, "levels": LEVELS}
        chosen = _DISTILLED if width <= 1024 else large
        masked = replace(masked, num_mask_tokens=8, version="2.1", **chosen)
    return Sizes(
        encoder,
        masked,
        ACPredictorConfig(grid=grid, embed_dim=width),
    )
