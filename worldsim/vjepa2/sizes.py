"""The sizes V-JEPA 2 comes in, from ``tiny`` to the released ones (arXiv 2506.09985, table 12)."""

from __future__ import annotations

from dataclasses import dataclass

from worldsim.errors import UserError
from worldsim.vjepa2.ac_predictor import ACPredictorConfig
from worldsim.vjepa2.encoder import EncoderConfig
from worldsim.vjepa2.predictor import PredictorConfig


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
NAMES = ("tiny", *_ENCODERS)


def sizes(name: str) -> Sizes:
    """Configurations by name: tiny, vitl, vith, vitg or vitg-384.

    ``tiny`` takes two stacked views of 64 pixels; the others are the released ones with the
    released action-conditioned predictor (trained with ViT-g at 256 pixels only).

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
    return Sizes(
        encoder,
        PredictorConfig(grid=grid, embed_dim=width),
        ACPredictorConfig(grid=grid, embed_dim=width),
    )
