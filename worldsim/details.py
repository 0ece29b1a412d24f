"""Details: what an encoder's stem sees before it sums it up (``worldsim.vjepa2.Encoder.details``).

The encoder's latents tell where a thing is to centimetres, for each knows all of the picture; its
details tell it to millimetres. They come from the same weights, and cost next to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from worldsim.encoders import FrameEncoder
from worldsim.errors import UserError
from worldsim.vjepa2 import Encoder


def detailed(encoder: FrameEncoder) -> Encoder:
    """An encoder that has details.

    Raises:
        UserError: it is not one of this project's.
    """
    if not isinstance(encoder, Encoder):
        raise UserError("moves need an encoder of this project with a conv stem")
    return encoder


@torch.no_grad()
def find_details(encoder: FrameEncoder, frames: Tensor) -> Tensor:
    """Frames (B, V, H, W, 3) uint8, on the encoder's device -> (B, V, P, C)."""
    found: Tensor = detailed(encoder).details(frames.flatten(0, 1))
    views: Tensor = found.unflatten(0, frames.shape[:2])
    return views
