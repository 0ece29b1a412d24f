"""The model that is asked, and the same one untrained: what its weights add, and no more."""

from __future__ import annotations

import torch

from worldsim import load_world_model
from worldsim.world_model import WorldModel

_SEED = 0


def trained_and_random(name: str) -> dict[str, WorldModel]:
    """Under "model" the one of that name, under "random_weights" the same untrained.

    An encoder that a model only refers to is somebody else's and stays as it is: then predictor
    and heads alone are random.
    """
    model = load_world_model(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        untrained = WorldModel(model.config)
    return {"model": model.eval(), "random_weights": untrained.eval()}
