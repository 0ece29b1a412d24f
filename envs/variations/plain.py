"""The ``default`` variation: four kinds of object, their size and colour, in one plain room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from envs.variations.factor import Parameters

COLOURS = (
    (0.85, 0.15, 0.12),
    (0.10, 0.55, 0.20),
    (0.12, 0.28, 0.80),
    (0.93, 0.75, 0.10),
    (0.55, 0.18, 0.60),
    (0.95, 0.45, 0.10),
)


@dataclass(frozen=True)
class PlainShape:
    """The object's kind: ``{"kind"}``."""

    kinds: tuple[str, ...] = ("cube", "can", "bread", "milk")
    name: str = "shape"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One kind."""
        return {"kind": self.kinds[rng.integers(len(self.kinds))]}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Nothing: scenes are composed of the kinds."""


@dataclass(frozen=True)
class PlainSize:
    """The object's size as a factor on its kind's: ``{"factor"}``."""

    low: float = 0.85
    high: float = 1.15
    name: str = "size"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One factor."""
        return {"factor": float(rng.uniform(self.low, self.high))}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Nothing: the scene resizes its objects."""


@dataclass(frozen=True)
class PlainColour:
    """The object's colour, slightly off one of a few: ``{"rgba"}`` in [0, 1]."""

    colours: tuple[tuple[float, float, float], ...] = COLOURS
    name: str = "colour"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One colour."""
        base = np.asarray(self.colours[rng.integers(len(self.colours))])
        rgb = np.clip(base + rng.uniform(-0.06, 0.06, 3), 0.0, 1.0)
        return {"rgba": [*rgb.tolist(), 1.0]}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Paint the object, where there is one."""
        for geom in range(model.ngeom):
            if model.geom(geom).name.startswith("object_geom"):
                model.geom_rgba[geom] = parameters["rgba"]


PLAIN_FACTORS = (PlainShape(), PlainSize(), PlainColour())
