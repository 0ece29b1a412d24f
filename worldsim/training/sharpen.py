"""Going on with a trained world model, at a finer resolution if wished.

V-JEPA 2 learns mostly at a low resolution and only ends at a high one ("progressive resolution",
arXiv 2506.09985). Here the grid of patches stays and each patch gets more pixels: the stem's first
kernel is enlarged so that it first sees what it saw before (Net2Net, arXiv 1511.05641), and then
learns what the finer picture adds.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from worldsim.errors import UserError
from worldsim.vjepa2 import Encoder, EncoderConfig
from worldsim.world_model import WorldModel

_DIFFERENCE = 0.2  # of the copies of one filter, in its own standard deviations


def sharpened(model: WorldModel, image_size: int, seed: int = 0) -> WorldModel:
    """A copy that sees finer pictures with the same grid of patches and, so far, the same eyes.

    Args:
        model: with an encoder of its own and a convolutional stem.
        image_size: pixels per side, the model's own times a power of two.
        seed: of the small differences between the copies of a filter.

    Raises:
        UserError: another size, or an encoder that cannot be sharpened.
    """
    sizes = model.config.encoder
    finer, rest = divmod(image_size, model.image_size)
    if not isinstance(sizes, EncoderConfig) or sizes.stem != "conv" or sizes.patch_size < 16:
        raise UserError(
            "only an encoder of ours with a conv stem of 16 px patches can be sharpened"
        )
    if rest or finer.bit_count() != 1:
        raise UserError(
            f"image size {image_size}: a model that starts from one of {model.image_size} px sees "
            f"{model.image_size}, {2 * model.image_size}, {4 * model.image_size}, ... px"
        )
    larger = replace(sizes, img_size=image_size, patch_size=sizes.patch_size * finer)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if finer > 1:
        stem = model.get_submodule("encoder.patch_embed.layers")
        weights |= _stem(stem, finer, torch.Generator().manual_seed(seed))
    found = WorldModel(replace(model.config, encoder=larger), Encoder(larger))
    found.load_state_dict(weights)
    return found


def _stem(layers: nn.Module, finer: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Weights of the stem's first layers, every filter ``finer`` times and on finer pixels."""
    found = {name: tensor.detach() for name, tensor in layers.state_dict().items()}
    kernel = found["0.weight"].repeat(finer, 1, 1, 1) / finer**2
    kernel = kernel.repeat_interleave(finer, dim=2).repeat_interleave(finer, dim=3)
    noise = torch.randn(kernel.shape, generator=generator)
    larger = {
        "0.weight": kernel + _DIFFERENCE * kernel.std() * noise,
        "3.weight": found["3.weight"].repeat(1, finer, 1, 1) / finer,
    }
    larger |= {name: found[name].repeat(finer) for name in ("0.bias", "1.weight", "1.bias")}
    return {f"encoder.patch_embed.layers.{name}": tensor for name, tensor in larger.items()}
