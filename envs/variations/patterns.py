"""Textures computed from their name: tileable grey or two-coloured patterns, 64 x 64 pixels."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

PX = 64
Field = NDArray[np.float64]
_Y, _X = np.mgrid[0:PX, 0:PX] / PX


def _noise(rng: np.random.Generator) -> Field:
    """Cloudy noise: a few waves of random direction, an octave apart."""
    field = np.zeros((PX, PX))
    for octave in (1, 2, 4, 8):
        for _ in range(4):
            waves = rng.integers(-octave, octave + 1, 2)
            phase = rng.uniform(0, 2 * np.pi)
            field += np.cos(2 * np.pi * (waves[0] * _X + waves[1] * _Y) + phase) / octave
    return _unit(field)


def _speckle(rng: np.random.Generator) -> Field:
    """Grain, pixel by pixel."""
    return np.asarray(rng.random((PX, PX)))


def _checks(rng: np.random.Generator) -> Field:
    count = int(rng.choice([2, 4, 8]))
    return np.asarray((np.floor(count * _X) + np.floor(count * _Y)) % 2)


def _stripes(rng: np.random.Generator) -> Field:
    """Straight stripes along x, y or a diagonal."""
    along = [(1, 0), (0, 1), (1, 1), (1, -1)][int(rng.integers(4))]
    count, share = int(rng.choice([2, 4, 8])), rng.uniform(0.3, 0.7)
    return np.asarray((count * (along[0] * _X + along[1] * _Y)) % 1 < share, dtype=float)


def _gradient(rng: np.random.Generator) -> Field:
    """From dark to light and back."""
    along = [(1, 0), (0, 1), (1, 1)][int(rng.integers(3))]
    return np.asarray(0.5 + 0.5 * np.cos(2 * np.pi * (along[0] * _X + along[1] * _Y)))


def _dots(rng: np.random.Generator) -> Field:
    count, radius = int(rng.choice([2, 3, 4])), rng.uniform(0.25, 0.4)
    return np.asarray(np.hypot((count * _X) % 1 - 0.5, (count * _Y) % 1 - 0.5) < radius, float)


def _rings(rng: np.random.Generator) -> Field:
    count = int(rng.choice([3, 5, 7]))
    return np.asarray((count * np.hypot(_X - 0.5, _Y - 0.5)) % 1 < 0.5, dtype=float)


def _bricks(rng: np.random.Generator) -> Field:
    rows = int(rng.choice([4, 6]))
    row = np.floor(rows * _Y)
    across = (rows / 2 * _X + 0.5 * (row % 2)) % 1
    return np.asarray(((rows * _Y) % 1 > 0.12) & (across > 0.06), dtype=float)


def _zigzag(rng: np.random.Generator) -> Field:
    count = int(rng.choice([3, 4, 6]))
    wave = np.abs((count * _X) % 1 - 0.5)
    return np.asarray((count * _Y + wave) % 1 < 0.5, dtype=float)


_FAMILIES: dict[str, Callable[[np.random.Generator], Field]] = {
    "noise": _noise,
    "speckle": _speckle,
    "checks": _checks,
    "stripes": _stripes,
    "gradient": _gradient,
    "dots": _dots,
    "rings": _rings,
    "bricks": _bricks,
    "zigzag": _zigzag,
}


def pattern(name: str) -> NDArray[np.uint8]:
    """Pixels (64, 64, 3) of a pattern named family-number, e.g. ``noise-2``.

    Even numbers are grey, to be tinted by a geom's colour; odd ones go between two colours.
    """
    family, number = name.rsplit("-", 1)
    rng = np.random.default_rng([zlib.crc32(family.encode()), int(number)])
    field = _FAMILIES[family](rng)[..., None]
    dark, light = np.full(3, rng.uniform(0.35, 0.8)), np.ones(3)
    if int(number) % 2:
        dark, light = (
            np.array(colorsys.hls_to_rgb(rng.random(), rng.uniform(*span), rng.uniform(0.2, 0.9)))
            for span in ((0.25, 0.55), (0.55, 0.9))
        )
    return np.asarray(np.rint(255 * (dark + field * (light - dark))), dtype=np.uint8)


def _unit(field: Field) -> Field:
    """Scaled to [0, 1]."""
    return np.asarray((field - field.min()) / np.ptp(field))
