"""V-JEPA 2: encoder, masked predictor and action-conditioned predictor (arXiv 2506.09985).

encoder = from_official("encoder", config, weights)   # or Encoder(sizes("tiny").encoder)
"""

from worldsim.vjepa2.ac_predictor import ACPredictor, ACPredictorConfig, Cache
from worldsim.vjepa2.encoder import Encoder, EncoderConfig
from worldsim.vjepa2.masks import LONG_RANGE, SHORT_RANGE, MaskConfig, sample_masks
from worldsim.vjepa2.official import CheckpointError, from_official
from worldsim.vjepa2.predictor import Predictor, PredictorConfig
from worldsim.vjepa2.sizes import Sizes, sizes

__all__ = [
    "LONG_RANGE",
    "SHORT_RANGE",
    "ACPredictor",
    "ACPredictorConfig",
    "Cache",
    "CheckpointError",
    "Encoder",
    "EncoderConfig",
    "MaskConfig",
    "Predictor",
    "PredictorConfig",
    "Sizes",
    "from_official",
    "sample_masks",
    "sizes",
]
