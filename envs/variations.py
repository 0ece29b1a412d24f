"""What may look or be shaped differently from one episode to the next.

Each variation is a named recipe; the default one is the training distribution. Shapes are drawn
from the placement stream (they change the physics), colours from the appearance stream, so that
one can be held fixed while the other varies. Textures, lights, camera jitter and unseen objects
plug in as further recipes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.scene import OBJECT_HALF_SIZES
from envs.spec import check_choice

OBJECTS: tuple[str, ...] = ("cube", "can", "bread", "milk")


@dataclass(frozen=True)
class Variation:
    """One distribution over appearances.

    Attributes:
        objects: kinds the object is drawn from.
        size_range: factors on the base size; the grasped width stays inside the gripper.
        colours: (name, rgb) an object may have.
    """

    objects: tuple[str, ...]
    size_range: tuple[float, float]
    colours: tuple[tuple[float, float, float], ...]


TRAIN_COLOURS = (
    (0.85, 0.15, 0.12),
    (0.10, 0.55, 0.20),
    (0.12, 0.28, 0.80),
    (0.93, 0.75, 0.10),
    (0.55, 0.18, 0.60),
    (0.95, 0.45, 0.10),
)

VARIATIONS: dict[str, Variation] = {
    "default": Variation(OBJECTS, (0.85, 1.15), TRAIN_COLOURS),
}


def get_variation(name: str) -> Variation:
    """The recipe of that name; a ValueError names the allowed ones."""
    check_choice("variation", name, tuple(VARIATIONS))
    return VARIATIONS[name]


def sample_shape(
    variation: Variation, kind: str | None, rng: np.random.Generator
) -> tuple[str, NDArray[np.float64]]:
    """Object kind and half size (3,) in metres. ``kind`` fixes the kind, not the draw."""
    drawn = variation.objects[rng.integers(len(variation.objects))]
    factor = rng.uniform(*variation.size_range)
    chosen = drawn if kind is None else kind
    return chosen, np.asarray(OBJECT_HALF_SIZES[chosen]) * factor


def sample_colour(variation: Variation, rng: np.random.Generator) -> NDArray[np.float64]:
    """Object colour (4,) RGBA in [0, 1], slightly off one of the recipe's colours."""
    base = np.asarray(variation.colours[rng.integers(len(variation.colours))])
    rgb = np.clip(base + rng.uniform(-0.06, 0.06, 3), 0.0, 1.0)
    return np.append(rgb, 1.0)
