"""The ``light`` factor: where light comes from, how strong and warm it is, lamps and shadows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Names, Ranges, both_sides, span

LAMP = "lamp"
"""Name of the second light, which is off unless a factor turns it on."""

SHADED, SHADED_EXTENTS = np.array([0.0, 0.0, 0.8]), 0.35
"""Shadows are drawn around this point in the world, m, in a square of half this many times the
scene's extent: the table. A smaller map is finer and cheaper."""

SHADOW_MAP_PX = 256


TRAINING: Ranges = {
    "azimuth_deg": span((0, 230)),
    "elevation_deg": span((45, 85)),
    "key": span((0.3, 0.7)),
    "ambient": span((0.25, 0.5)),
    "head": span((0.1, 0.35)),
    "warmth": both_sides(0, 0.15),
    "lamp": span((0.0, 0.25)),
    "lamp_azimuth_deg": span((0, 360)),
    "shadow": Names(("cast",) + ("none",) * 15),
}


class Light(Ranged):
    """Light of the whole scene.

    Parameters: direction of the key light (``azimuth_deg``, 0 is from behind the table's far end,
    ``elevation_deg``), its strength ``key``, that of the light from everywhere ``ambient`` and from
    the camera ``head``, ``warmth`` (positive: red up, blue down, by this share), strength ``lamp``
    and ``lamp_azimuth_deg`` of a second light, ``shadow`` "none" or "cast".
    """

    name = "light"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": TRAINING,
        "rich": {
            **TRAINING,
            "shadow": Names(("cast",)),
        },
        "validation": {
            "azimuth_deg": span((236, 258)),
            "elevation_deg": span((40, 44)),
            "key": span((0.22, 0.28), (0.72, 0.76)),
            "ambient": span((0.2, 0.45)),
            "head": span((0.1, 0.35)),
            "warmth": both_sides(0.16, 0.19),
            "lamp": span((0.0, 0.3)),
            "lamp_azimuth_deg": span((0, 360)),
            "shadow": Names(("none",)),
        },
        "held-out:1": {
            "azimuth_deg": span((265, 350)),
            "elevation_deg": span((40, 44)),
            "key": span((0.72, 0.78)),
            "ambient": span((0.2, 0.4)),
            "head": span((0.1, 0.3)),
            "warmth": both_sides(0.16, 0.2),
            "lamp": span((0.0, 0.3)),
            "lamp_azimuth_deg": span((0, 360)),
            "shadow": Names(("none",)),
        },
        "held-out:2": {
            "azimuth_deg": span((265, 350)),
            "elevation_deg": span((30, 38)),
            "key": span((0.22, 0.28), (0.78, 0.85)),
            "ambient": span((0.18, 0.25), (0.4, 0.45)),
            "head": span((0.05, 0.3)),
            "warmth": both_sides(0.2, 0.28),
            "lamp": span((0.0, 0.35)),
            "lamp_azimuth_deg": span((0, 360)),
            "shadow": Names(("cast",)),
        },
        "held-out:3": {
            "azimuth_deg": span((265, 350)),
            "elevation_deg": span((20, 30)),
            "key": span((0.85, 0.95)),
            "ambient": span((0.16, 0.19), (0.42, 0.5)),
            "head": span((0.0, 0.08)),
            "warmth": both_sides(0.28, 0.4),
            "lamp": span((0.26, 0.4)),
            "lamp_azimuth_deg": span((0, 360)),
            "shadow": Names(("cast",)),
        },
    }
    """Shadows are rare in training: a picture with them takes three times as long to draw. ``rich``
    is of data alone."""

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add the second light, and room for a shadow map."""
        if any(light.name == LAMP for light in spec.lights):
            return
        lamp = spec.worldbody.add_light(name=LAMP, pos=[0, 0, 2.5], dir=[0, 0, -1])
        lamp.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
        lamp.castshadow, lamp.active = False, False
        lamp.specular = [0, 0, 0]
        spec.visual.quality.shadowsize = SHADOW_MAP_PX
        spec.visual.map.shadowclip = SHADED_EXTENTS

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Set both lights and the headlight."""
        tint = np.clip(1.0 + parameters["warmth"] * np.array([1.0, 0.0, -1.0]), 0.0, None)
        key, lamp = model.light("key").id, model.light(LAMP).id
        model.light_dir[key] = _downwards(parameters["azimuth_deg"], parameters["elevation_deg"])
        model.light_diffuse[key] = parameters["key"] * tint
        model.light_pos[key] = SHADED - 2.0 * model.light_dir[key]
        model.light_castshadow[key] = parameters["shadow"] == "cast"
        model.light_active[lamp] = parameters["lamp"] > 0
        model.light_dir[lamp] = _downwards(parameters["lamp_azimuth_deg"], 50.0)
        model.light_diffuse[lamp] = parameters["lamp"]
        if parameters["shadow"] == "cast":
            # MuJoCo lets nothing transparent cast a shadow: walls would darken the whole room.
            scenery = (model.geom_bodyid == 0) & (model.geom_contype == 0)
            model.geom_rgba[scenery, 3] = 0.99
        model.vis.headlight.ambient[:] = parameters["ambient"] * tint
        model.vis.headlight.diffuse[:] = parameters["head"]


def _downwards(azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
    """Direction (3,) in which light travels that comes from there."""
    azimuth, elevation = np.deg2rad([azimuth_deg, elevation_deg])
    towards = [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation)]
    return -np.array([*towards, np.sin(elevation)])
