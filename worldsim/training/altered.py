"""Altered pictures: cameras, lamps and paints that no episode of the data had.

A picture is zoomed, turned, sheared and shifted as another camera would show it; its colours are
turned and tinted, light, shade and patterns are laid over it, and it is blurred or made noisy. All
frames of one sample and view are altered alike, so that what changes between them stays what the
robot did; their brightness alone differs a little, as light does between a goal picture and later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

AS_IT_IS = 0.15
"""Share of the samples and views whose geometry, and of those whose colours, stay as they are."""
ZOOM, STRETCH, SHEAR, SHIFT = 0.2, 0.06, 0.08, 0.22
"""Most zoom and stretch (logarithms), shear, and shift (of half a picture)."""
TURN_RAD, HUE_RAD = 0.14, 0.3
"""Most turn of a picture, and of its hues; four in ten have any hue."""
ANY_HUE, SHADED, PATTERNED, BLURRED, NOISY = 0.4, 0.5, 0.35, 0.25, 0.3
"""Shares that have any hue, have light and shade or patterns laid over, are blurred, are noisy."""
DARKER, LIGHTER = 1.1, 0.4
"""Most that a picture is darkened and lightened (logarithms)."""
SHADE, PATTERN, NOISE = 0.5, 0.15, 0.06
"""Most light and shade (a logarithm), largest swing of a pattern and deviation of noise, the
brightest being 1."""


def altered(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Frames as they might have looked elsewhere, seen from elsewhere.

    Args:
        frames: (B, T, V, S, S, 3) uint8; what T frames of a sample and a view share is kept.
        rng: of this batch.

    Returns:
        Frames of the same shape and type.
    """
    return with_other_looks(seen_from_elsewhere(frames, rng), rng)


def seen_from_elsewhere(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """The geometry of ``altered`` alone."""
    x = _by_view(frames)
    return _as_frames(_moved(x.flatten(1, 2), _Draws(rng, x.device)).view(x.shape), frames)


def with_other_looks(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """The rest of ``altered``: everything stays in its place."""
    x = _by_view(frames)
    draws = _Draws(rng, x.device)
    for change in (_recoloured, _shaded, _patterned, _blurred, _noisy):
        x = change(x, draws)
    return _as_frames(x, frames)


@dataclass(frozen=True)
class _Draws:
    """Random numbers, on the device of the pictures that they alter."""

    rng: np.random.Generator
    device: torch.device

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        return self._there(self.rng.uniform(low, high, shape).astype(np.float32))

    def either_way(self, most: float, *shape: int) -> Tensor:
        return self.between(-most, most, *shape)

    def normal(self, *shape: int) -> Tensor:
        return self._there(self.rng.standard_normal(shape, dtype=np.float32))

    def chosen(self, share: float, count: int) -> Tensor:
        """(count,) bool."""
        return self._there(self.rng.random(count) < share)

    def unless_as_it_is(self, count: int) -> Tensor:
        """(count,) 1, and 0 for those that are left as they are."""
        return 1 - self.chosen(AS_IT_IS, count).float()

    def field(self, count: int, cells: int, size: int, channels: int) -> Tensor:
        """(count, channels, S, S) from -1 to 1, ``cells`` to a side: slopes, or areas with edges.

        What the channels share is twice as strong as what is their own.
        """
        drawn = self.normal(count, channels, cells, cells)
        if channels > 1:
            drawn = (drawn + 2 * self.normal(count, 1, cells, cells)) / math.sqrt(5)
        smooth = F.interpolate(drawn, (size, size), mode="bilinear")
        return torch.tanh(self.between(0.5, 4, count, 1, 1, 1).square() * smooth)

    def _there(self, drawn: NDArray[Any]) -> Tensor:
        return torch.from_numpy(drawn).to(self.device)


def _by_view(frames: Tensor) -> Tensor:
    """(B, T, V, S, S, 3) uint8 -> (B V, T, 3, S, S) in [0, 1]."""
    return frames.permute(0, 2, 1, 5, 3, 4).flatten(0, 1).float().div_(255)


def _as_frames(x: Tensor, frames: Tensor) -> Tensor:
    """Back again, to the shape of ``frames``."""
    levels = x.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
    split: Tensor = levels.unflatten(0, (len(frames), -1))
    return split.permute(0, 2, 1, 4, 5, 3)


def _moved(x: Tensor, draws: _Draws) -> Tensor:
    """(n, C, S, S) as another camera shows it; what it alone sees is the picture's edge."""
    count = len(x)
    much = draws.unless_as_it_is(count)
    zoom, stretch, turn, shear = (
        much * draws.either_way(most, count) for most in (ZOOM, STRETCH, TURN_RAD, SHEAR)
    )
    across, along = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
    theta = torch.zeros(count, 2, 3, device=x.device)
    theta[:, 0, 0], theta[:, 0, 1] = across * stretch.exp(), shear - along
    theta[:, 1, 0], theta[:, 1, 1] = along, across / stretch.exp()
    theta[:, :, 2] = much[:, None] * draws.either_way(SHIFT, count, 2)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    seen: Tensor = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return seen


def _recoloured(x: Tensor, draws: _Draws) -> Tensor:
    """(n, T, 3, S, S) with other hues, saturation, tint, contrast, brightness, light and gamma."""
    count, steps = x.shape[:2]
    much = draws.unless_as_it_is(count)
    any_hue = draws.chosen(ANY_HUE, count)
    wide, narrow = draws.either_way(math.pi, count), draws.either_way(HUE_RAD, count)
    hue = much * torch.where(any_hue, wide, narrow)
    saturation = (much * draws.between(-0.7, 0.5, count)).exp()
    tint = (much[:, None] * draws.either_way(0.15, count, 3)).exp()
    contrast = (much * draws.either_way(0.33, count)).exp()
    brightness = much * draws.either_way(0.15, count)
    exposure = (much * draws.between(-DARKER, LIGHTER, count)).exp()
    light = exposure[:, None] * (1 + much[:, None] * draws.either_way(0.06, count, steps))
    mixed = saturation[:, None, None] * _turned_hues(hue)
    mixed = mixed + (1 - saturation)[:, None, None] / 3
    linear = tint[:, :, None] * mixed * contrast[:, None, None]
    constant = x.mean(dim=(1, 2, 3, 4)) * (1 - contrast) + brightness
    by_frame = (light[:, :, None, None] * linear[:, None]).flatten(0, 1)
    constants = (light * constant[:, None]).view(-1, 1, 1)
    pixels = torch.baddbmm(constants, by_frame, x.flatten(0, 1).flatten(2)).clamp_(0, 1)
    gamma = (much * draws.either_way(0.5, count)).repeat_interleave(steps).view(-1, 1, 1)
    return torch.addcmul(pixels, gamma, pixels - pixels.square()).view(x.shape)


def _turned_hues(angle: Tensor) -> Tensor:
    """(n, 3, 3) rotations about the grey axis by angles (n,), rad."""
    cosine, sine = angle.cos(), angle.sin() / math.sqrt(3)
    same, next_, last = (1 + 2 * cosine) / 3, (1 - cosine) / 3 - sine, (1 - cosine) / 3 + sine
    rows = [(same, next_, last), (last, same, next_), (next_, last, same)]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _shaded(x: Tensor, draws: _Draws) -> Tensor:
    """(n, T, 3, S, S), some lit unevenly: from soft slopes to shadows with edges; in place."""
    chosen = draws.chosen(SHADED, len(x))
    if count := int(chosen.sum()):
        field = draws.field(count, int(draws.rng.integers(2, 6)), x.shape[-1], 1)
        x[chosen] *= (draws.between(0, SHADE, count, 1, 1, 1) * field).exp()[:, None]
    return x


def _patterned(x: Tensor, draws: _Draws) -> Tensor:
    """(n, T, 3, S, S), some with a pattern of any colour and grain over them; in place."""
    chosen = draws.chosen(PATTERNED, len(x))
    if count := int(chosen.sum()):
        field = draws.field(count, int(2 ** draws.rng.uniform(2, 6)), x.shape[-1], 3)
        x[chosen] += (draws.between(0, PATTERN, count, 1, 1, 1) * field)[:, None]
    return x


def _blurred(x: Tensor, draws: _Draws) -> Tensor:
    """(n, T, 3, S, S), some of which are blurred; in place."""
    steps, size = x.shape[1], x.shape[-1]
    chosen = draws.chosen(BLURRED, len(x))
    if chosen.any():
        small = int(size * draws.rng.uniform(0.45, 0.9))
        flat = x[chosen].flatten(0, 1)
        flat = F.interpolate(flat, (small, small), mode="bilinear", antialias=True)
        x[chosen] = F.interpolate(flat, (size, size), mode="bilinear").unflatten(0, (-1, steps))
    return x


def _noisy(x: Tensor, draws: _Draws) -> Tensor:
    """(n, T, 3, S, S), some of which are noisy, all in the same way; in place."""
    chosen = draws.chosen(NOISY, len(x))
    if count := int(chosen.sum()):
        x[chosen] += draws.between(0, NOISE, count, 1, 1, 1, 1) * draws.normal(*x.shape[1:])
    return x
