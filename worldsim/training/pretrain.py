"""Stage 1 (arXiv 2506.09985, section 2): mask-denoising in latent space, without actions.

An encoder sees the visible part of a clip; a narrow predictor guesses, at the hidden places, the
layer-normed features that a moving average of the encoder makes of the whole clip (L1). Every view
is a clip of its own. The moving average is what stage 2 freezes.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.errors import UserError
from worldsim.training.batches import Arrays
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import PretrainConfig
from worldsim.training.run import TrainingRun
from worldsim.vjepa2 import LONG_RANGE, SHORT_RANGE, Encoder, Predictor, sample_masks

MASKS = {"short": SHORT_RANGE, "long": LONG_RANGE}
# ImageNet's statistics, as everywhere in V-JEPA 2.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def train_pretrain(
    encoder: Encoder,
    predictor: Predictor,
    arrays: Arrays,
    config: PretrainConfig,
    loop: LoopConfig,
    run: TrainingRun,
) -> tuple[Encoder, dict[str, float]]:
    """Train an encoder and its masked predictor in place.

    Args:
        encoder: updated in place.
        predictor: updated in place.
        arrays: frames (F, V, S, S, 3) of the size the encoder takes.
        config: sizes.
        loop: length, learning rate, device.
        run: where ``pretrain.pt`` is kept for resume.

    Returns:
        The target encoder (moving average) and the running means of the losses.

    Raises:
        ValueError: frames of another size or type, or clips that no episode is long enough for.
    """
    check(arrays, config, encoder)
    target = copy.deepcopy(encoder).requires_grad_(False)
    modules = {"encoder": encoder, "predictor": predictor, "target": target}
    for module in modules.values():
        module.to(loop.device)
    sizes, starts = encoder.config, arrays.window_starts(config.frames)
    side = sizes.img_size // sizes.patch_size
    grid = (config.frames // sizes.tubelet_size, side, side)

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        index = rng.choice(starts, config.batch)[:, None] + np.arange(config.frames)
        views = rng.integers(arrays.frames.shape[1], size=config.batch)
        video = clips(arrays, index, views).to(loop.device)
        with torch.no_grad():
            features = target(video).float()
            features = F.layer_norm(features, features.shape[-1:])  # (B, N, D)
        parts = {}
        for number, (name, mask) in enumerate(MASKS.items()):
            visible, hidden = (
                m.to(loop.device) for m in sample_masks(mask, grid, config.batch, rng)
            )
            guessed = predictor(encoder(video, visible), visible, hidden, mask_index=number)
            wanted = features.gather(1, hidden.unsqueeze(-1).expand_as(guessed))
            parts[name] = F.l1_loss(guessed.float(), wanted) / len(MASKS)
        return parts

    @torch.no_grad()
    def follow(step: int) -> None:
        for slow, fast in zip(target.parameters(), encoder.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - config.ema)

    trained = ("encoder", "predictor")
    means = train("pretrain", modules, trained, losses, loop, run, follow)
    return target, means


def clips(arrays: Arrays, index: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
    """Normalised clips (B, 3, T, S, S) of frames (B, T), one view (B,) each."""
    frames = torch.as_tensor(arrays.frames[index, views[:, None]])  # (B, T, S, S, 3)
    mean, std = torch.tensor(_MEAN), torch.tensor(_STD)
    return ((frames.float() / 255.0 - mean) / std).permute(0, 4, 1, 2, 3)


def check(arrays: Arrays, config: PretrainConfig, encoder: Encoder) -> None:
    """Refuse frames the encoder does not take, and clips that do not exist.

    Raises:
        ValueError: with what was given and what is allowed.
    """
    size, tubelet = encoder.config.img_size, encoder.config.tubelet_size
    frames = arrays.frames
    kind = str(frames.dtype).removeprefix("torch.")
    if frames.ndim != 5 or tuple(frames.shape[2:]) != (size, size, 3) or kind != "uint8":
        raise UserError(
            f"frames have shape {tuple(frames.shape)} and type {kind}: this encoder takes "
            f"(frames, views, {size}, {size}, 3) uint8"
        )
    longest = int(arrays.lengths.max())
    if config.frames % tubelet or not tubelet <= config.frames <= longest:
        raise UserError(
            f"clips of {config.frames} frames: allowed are multiples of {tubelet} up to {longest}, "
            "the longest episode"
        )
