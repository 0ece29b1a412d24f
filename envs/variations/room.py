"""The ``room`` factor: table, floor, walls and platform, their looks and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from envs.variations.colours import COLOURS, draw_colour
from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Names, Ranges, span
from envs.variations.textures import (
    PLAIN,
    REPEATS,
    prepare_textures,
    textures_of,
    wear,
)

SURFACES = ("table", "floor", "wall", "platform")
WALLS = ("wall_back", "wall_left", "wall_right")
_GEOMS = {
    "table": ("table_geom",),
    "floor": ("floor",),
    "wall": WALLS,
    "platform": ("platform_geom",),
}
PLAIN_SHARE = {"table": 0.5, "floor": 0.7, "wall": 0.7, "platform": 0.5}
"""Of the training episodes: a texture costs the software renderer 25 ns a pixel."""

_WALL_HALF_M = (4.0, 3.0, 0.02)
TABLE_BACK_X = -0.4
"""World x of the table's edge at the robot, which stays where it is, m."""


TRAINING: Ranges = {
    "texture": Names(textures_of("training")),
    "tint": span((0.2, 1.0)),
    **COLOURS["training"],
    "table_height_cm": span((60, 80)),
    "table_depth_m": span((0.72, 1.1)),
    "table_width_m": span((0.76, 1.2)),
    "walls_m": span((1.8, 2.6)),
}


class Room(Ranged):
    """Looks of the four surfaces, and the room's measures.

    ``table``, ``floor``, ``wall`` and ``platform`` are ``{"texture", "repeat", "rgb", "tint"}``:
    ``tint`` of the colour shows through the texture. ``table_height_cm`` is above the floor: robot
    and table stay, the floor rises, for all that robot and cameras do is measured from the robot's
    base, which stands a fixed height above the table. ``table_depth_m`` is from the robot's side to
    the far edge, ``table_width_m`` across, ``walls_m`` from the table's middle to the walls.

    Held out: colours, then textures as they are, then textures tinted by held-out colours.
    """

    name = "room"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": TRAINING,
        "rich": TRAINING,  # every surface textured
        "validation": {
            "texture": Names((PLAIN, *textures_of("validation"))),
            "tint": span((0.2, 1.0)),
            **COLOURS["validation"],
            "table_height_cm": span((57, 59)),
            "table_depth_m": span((1.12, 1.15)),
            "table_width_m": span((1.22, 1.25)),
            "walls_m": span((1.8, 2.6)),
        },
        "held-out:1": {
            "texture": Names((PLAIN,)),
            "tint": span((1.0, 1.0)),
            **COLOURS["held-out:1"],
            "table_height_cm": span((60, 80)),
            "table_depth_m": span((0.72, 1.1)),
            "table_width_m": span((0.76, 1.2)),
            "walls_m": span((1.8, 2.6)),
        },
        "held-out:2": {
            "texture": Names(textures_of("held-out")),
            "tint": span((0.0, 0.0)),
            **COLOURS["held-out:1"],
            "table_height_cm": span((52, 56)),
            "table_depth_m": span((1.18, 1.25)),
            "table_width_m": span((1.28, 1.4)),
            "walls_m": span((1.65, 1.75)),
        },
        "held-out:3": {
            "texture": Names(textures_of("held-out")),
            "tint": span((0.3, 0.6)),
            **COLOURS["held-out:1"],
            "table_height_cm": span((45, 52)),
            "table_depth_m": span((1.25, 1.4)),
            "table_width_m": span((1.4, 1.6)),
            "walls_m": span((1.5, 1.6)),
        },
    }

    @classmethod
    def describe(cls, level: str) -> dict[str, str]:
        """The ranges, and how many surfaces are plain."""
        plain = ", ".join(f"{name} {share:.0%}" for name, share in PLAIN_SHARE.items())
        return super().describe(level) | {"plain": plain if level == "training" else "as above"}

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add textures and walls."""
        prepare_textures(spec, solid=False)
        if spec.geom(WALLS[0]) is not None:
            return
        for name in WALLS:
            wall = spec.worldbody.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_BOX)
            wall.size, wall.contype, wall.conaffinity = _WALL_HALF_M, 0, 0
            wall.rgba = [0.5, 0.5, 0.5, 0.0]  # not there until it is put somewhere
            # Upright, its normal along x (at the back) or y.
            wall.quat = [0.5, 0.5, 0.5, 0.5] if name == "wall_back" else [np.sqrt(0.5)] * 2 + [0, 0]

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Looks of each surface, then the measures."""
        ranges = self.RANGES[self.level]
        colours = {"rich": "training"}.get(self.level, self.level)
        colours = colours if colours in ("training", "validation") else "held-out:1"
        looks: dict[str, Any] = {}
        for surface in SURFACES:
            plain = self.level == "training" and rng.random() < PLAIN_SHARE[surface]
            looks[surface] = {
                "texture": PLAIN if plain else ranges["texture"].draw(rng),
                "repeat": int(rng.choice(REPEATS)),
                "rgb": draw_colour(colours, rng),
                "tint": ranges["tint"].draw(rng),
            }
        sizes = ("table_height_cm", "table_depth_m", "table_width_m", "walls_m")
        return looks | {name: ranges[name].draw(rng) for name in sizes}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Dress the surfaces and put floor, table edges and walls in place."""
        for surface in SURFACES:
            look = parameters[surface]
            geoms = [model.geom(name).id for name in _GEOMS[surface]]
            model.geom_rgba[geoms, :3] = look["rgb"]
            wear(
                model,
                geoms,
                look["texture"],
                look["tint"],
                solid=False,
                repeat=look["repeat"],
            )
        table, floor = model.geom("table_geom"), model.geom("floor")
        floor.pos[2] = (
            model.body("table").pos[2] + table.size[2] - parameters["table_height_cm"] / 100
        )
        half = [
            parameters["table_depth_m"] / 2,
            parameters["table_width_m"] / 2,
            table.size[2],
        ]
        table.pos[0] = TABLE_BACK_X + half[0] - model.body("table").pos[0]
        _resize(model, table.id, half)
        away = parameters["walls_m"]
        for name, place in zip(WALLS, ((-away, 0), (0, away), (0, -away)), strict=True):
            model.geom(name).pos[:] = [*place, floor.pos[2] + _WALL_HALF_M[1]]
            model.geom(name).rgba[3] = 1.0


def _resize(model: mujoco.MjModel, geom: int, half: list[float]) -> None:
    """Give the only geom, a box, of a static body another size and its bounds."""
    model.geom_size[geom] = half
    model.geom_aabb[geom, 3:] = half
    model.geom_rbound[geom] = np.linalg.norm(half)
    node = model.body_bvhadr[model.geom_bodyid[geom]]
    model.bvh_aabb[node] = [*model.geom_pos[geom], *half]
