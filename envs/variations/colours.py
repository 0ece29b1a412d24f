"""Colours by hue, saturation and lightness, and the ``colour`` factor: the object's own.

Training leaves out three bands of hue and whatever is nearly black or white; validation has the
band at indigo.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Ranges, span

_TRAINING_HUES = span((0, 62), (104, 154), (204, 240), (282, 314), (346, 360))
_HELD_OUT_HUES = span((72, 96), (164, 194), (322, 338))

COLOURS: Mapping[str, Ranges] = {
    "training": {
        "hue_deg": _TRAINING_HUES,
        "saturation": span((0.0, 0.95)),
        "lightness": span((0.22, 0.78)),
    },
    "validation": {
        "hue_deg": span((250, 272)),
        "saturation": span((0.4, 0.95)),
        "lightness": span((0.22, 0.78)),
    },
    "held-out:1": {
        "hue_deg": _HELD_OUT_HUES,
        "saturation": span((0.4, 0.95)),
        "lightness": span((0.3, 0.65)),
    },
    "held-out:2": {
        "hue_deg": _HELD_OUT_HUES,
        "saturation": span((0.4, 0.95)),
        "lightness": span((0.14, 0.2), (0.8, 0.86)),
    },
    "held-out:3": {
        "hue_deg": span((0, 360)),
        "saturation": span((0.0, 1.0)),
        "lightness": span((0.06, 0.13), (0.88, 0.96)),
    },
}
"""Level -> ranges of a colour."""


def draw_colour(level: str, rng: np.random.Generator) -> list[float]:
    """A colour (3,) RGB in [0, 1] from a level's ranges."""
    drawn = {name: float(values.draw(rng)) for name, values in COLOURS[level].items()}
    rgb = colorsys.hls_to_rgb(drawn["hue_deg"] / 360, drawn["lightness"], drawn["saturation"])
    return [round(channel, 4) for channel in rgb]


def coordinates(rgb: list[float]) -> dict[str, float]:
    """Hue, degrees, saturation and lightness of a colour (3,) RGB."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*rgb)
    return {"hue_deg": 360 * hue, "saturation": saturation, "lightness": lightness}


def objects_geoms(model: mujoco.MjModel) -> list[int]:
    """Ids of the geoms of every object."""
    names = [model.body(body).name for body in range(model.nbody)]
    bodies = [i for i, name in enumerate(names) if name.rstrip("0123456789") == "object"]
    return [int(geom) for geom in np.flatnonzero(np.isin(model.geom_bodyid, bodies))]


class Colour(Ranged):
    """Colour of every object: ``{"rgba": [r, g, b, 1]}``; its ranges are of hue and the like."""

    name = "colour"
    RANGES: ClassVar[Mapping[str, Ranges]] = COLOURS

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One colour."""
        return {"rgba": [*draw_colour(self.level, rng), 1.0]}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Paint the objects."""
        model.geom_rgba[objects_geoms(model)] = parameters["rgba"]
