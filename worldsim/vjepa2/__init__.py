"""V-JEPA 2: encoder and action-conditioned predictor, after arXiv 2506.09985."""

from worldsim.vjepa2.ac_predictor import ACPredictor, ACPredictorConfig
from worldsim.vjepa2.encoder import Encoder, EncoderConfig

__all__ = ["ACPredictor", "ACPredictorConfig", "Encoder", "EncoderConfig"]
