"""Altered pictures: cameras, lamps and paints that no episode of the data had.

A picture is zoomed, turned, sheared and shifted as another camera would show it, its colours are
turned and tinted, and it is blurred or made noisy. All frames of one sample and view are altered
alike, so that what changes between them stays what the robot did; their brightness alone differs a
little, as light does between a goal picture and later.
"""

from __future__ import annotations

import math

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
ANY_HUE, BLURRED, NOISY = 0.4, 0.25, 0.3
NOISE = 0.06
"""Largest deviation of noise, the brightest being 1."""


def altered(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Frames as they might have looked elsewhere.

    Args:
        frames: (B, T, V, S, S, 3) uint8; what T frames of a sample and a view share is kept.
        rng: of this batch.

    Returns:
        Frames of the same shape and type.
    """
    batch, steps, views, size = frames.shape[:4]
    count = batch * views
    x = frames.permute(0, 2, 1, 5, 3, 4).reshape(count, steps * 3, size, size).float() / 255
    x = _moved(x, rng).view(count, steps, 3, size, size)
    x = _spoilt(_recoloured(x, rng), rng)
    x = x.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
    return x.view(batch, views, steps, 3, size, size).permute(0, 2, 1, 4, 5, 3)


def _moved(x: Tensor, rng: np.random.Generator) -> Tensor:
    """(n, C, S, S) as another camera shows it; what it alone sees is the picture's edge."""
    count = len(x)
    much = _unless_as_it_is(count, rng)
    zoom, stretch, turn, shear = (
        much * _uniform(rng, most, count) for most in (ZOOM, STRETCH, TURN_RAD, SHEAR)
    )
    across, along = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = across * stretch.exp(), shear - along
    theta[:, 1, 0], theta[:, 1, 1] = along, across / stretch.exp()
    theta[:, :, 2] = much[:, None] * _uniform(rng, SHIFT, (count, 2))
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _recoloured(x: Tensor, rng: np.random.Generator) -> Tensor:
    """(n, T, 3, S, S) with other hues, saturation, tint, contrast, brightness and gamma."""
    count, steps = x.shape[:2]
    much = _unless_as_it_is(count, rng)
    any_hue = torch.from_numpy(rng.random(count) < ANY_HUE)
    wide, narrow = _uniform(rng, math.pi, count), _uniform(rng, HUE_RAD, count)
    hue = much * torch.where(any_hue, wide, narrow)
    saturation = (much * _uniform(rng, 0.6, count) - 0.1 * much).exp()
    tint = (much[:, None] * _uniform(rng, 0.15, (count, 3))).exp()
    contrast = (much * _uniform(rng, 0.33, count)).exp()
    brightness = much * _uniform(rng, 0.15, count)
    light = 1 + much[:, None] * _uniform(rng, 0.06, (count, steps))
    mixed = saturation[:, None, None] * _turned_hues(hue)
    mixed = mixed + (1 - saturation)[:, None, None] / 3
    linear = tint[:, :, None] * mixed * contrast[:, None, None]
    mean = x.mean(dim=(1, 2, 3, 4))
    constant = mean * (1 - contrast) + brightness
    x = torch.einsum("nt,nij,ntjhw->ntihw", light, linear, x)
    x = (x + (light * constant[:, None])[:, :, None, None, None]).clamp_(0, 1)
    gamma = (much * _uniform(rng, 0.5, count)).view(-1, 1, 1, 1, 1)
    return x + gamma * x * (1 - x)


def _turned_hues(angle: Tensor) -> Tensor:
    """(n, 3, 3) rotations about the grey axis by angles (n,), rad."""
    cosine, sine = angle.cos(), angle.sin() / math.sqrt(3)
    same, next_, last = (1 + 2 * cosine) / 3, (1 - cosine) / 3 - sine, (1 - cosine) / 3 + sine
    rows = [(same, next_, last), (last, same, next_), (next_, last, same)]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _spoilt(x: Tensor, rng: np.random.Generator) -> Tensor:
    """(n, T, 3, S, S), some blurred and some noisy; changed in place."""
    count, steps, _, size, _ = x.shape
    blurred = torch.from_numpy(rng.random(count) < BLURRED)
    if blurred.any():
        small = int(size * rng.uniform(0.45, 0.9))
        flat = x[blurred].flatten(0, 1)
        flat = F.interpolate(flat, (small, small), mode="bilinear", antialias=True)
        x[blurred] = F.interpolate(flat, (size, size), mode="bilinear").unflatten(0, (-1, steps))
    noisy = torch.from_numpy(rng.random(count) < NOISY)
    if noisy.any():
        much = torch.from_numpy(rng.uniform(0, NOISE, int(noisy.sum())).astype(np.float32))
        noise = torch.from_numpy(rng.standard_normal(x.shape[1:], dtype=np.float32))
        x[noisy] += much.view(-1, 1, 1, 1, 1) * noise
    return x


def _unless_as_it_is(count: int, rng: np.random.Generator) -> Tensor:
    """(n,) 1, and 0 for those that are left as they are."""
    return torch.from_numpy((rng.random(count) >= AS_IT_IS).astype(np.float32))


def _uniform(rng: np.random.Generator, most: float, shape: int | tuple[int, ...]) -> Tensor:
    drawn: NDArray[np.float64] = rng.uniform(-most, most, shape)
    return torch.from_numpy(drawn.astype(np.float32))
