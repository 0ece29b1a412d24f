"""Further senses: named vectors an environment can add to its observations.

register_vector("touch", Vector(size=2, low=0.0, high=50.0, read=finger_forces))
envs.make("grasp", vectors=("touch",))  # observation["touch"], (2,) float32
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError

if TYPE_CHECKING:
    from envs.scene import Scene


@dataclass(frozen=True)
class Vector:
    """One sense.

    Attributes:
        size: numbers in it.
        low, high: bounds; readings are clipped to them.
        read: (size,) from the scene as it is now.
    """

    size: int
    low: float
    high: float
    read: Callable[[Scene], NDArray[np.float64]]

    def __call__(self, scene: Scene) -> NDArray[np.float32]:
        """(size,) the reading as it is observed."""
        return np.clip(self.read(scene), self.low, self.high).astype(np.float32)


VECTORS: dict[str, Vector] = {}
"""Name -> sense; none ships yet."""


def register_vector(name: str, vector: Vector) -> None:
    """Make a sense known under a name.

    Raises:
        ValueError: the name is taken.
    """
    if VECTORS.get(name, vector) is not vector:
        raise UserError(f"there is another vector {name!r}")
    VECTORS[name] = vector
