"""The room that people are shown where a scene has none: a wooden table, tiles, plastered walls.

Its textures are part of every scene, but nothing wears them while agents' pictures are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.variations.textures import add_texture, material_name


@dataclass(frozen=True)
class Surface:
    """How a surface looks.

    Attributes:
        texture: a name of ``envs.variations.textures``.
        repeat: times in a metre.
        rgba: that the texture is multiplied by.
    """

    texture: str
    repeat: int
    rgba: tuple[float, float, float, float]

    def material(self, model: mujoco.MjModel) -> int:
        """Its number in a scene."""
        return int(model.material(material_name(self.texture, solid=False, repeat=self.repeat)).id)


SURFACES = {
    "table_geom": Surface("light-wood", 2, (0.87, 0.95, 1.0, 1.0)),
    "floor": Surface("light-gray-floor-tile", 1, (0.60, 0.62, 0.66, 1.0)),
}
"""Geom -> its look."""
WALL = Surface("light-gray-plaster", 1, (0.66, 0.72, 0.80, 1.0))
WALL_HALF_M = (4.0, 3.0, 0.02)
# Upright, in the view of the camera for people: behind the robot, facing along x, and on its left.
_WALLS = (
    ((-2.4, 0.0, 3.0), ((0, 0, 1), (1, 0, 0), (0, 1, 0))),
    ((0.0, 2.4, 3.0), ((1, 0, 0), (0, 0, -1), (0, 1, 0))),
)
"""Middle in the world, m, and rotation matrix of each."""


def prepare(spec: mujoco.MjSpec) -> None:
    """Add the textures to a scene."""
    for look in (*SURFACES.values(), WALL):
        add_texture(spec, look.texture, solid=False, repeats=(look.repeat,))


def furnish(model: mujoco.MjModel) -> None:
    """Put the textures on table and floor."""
    for name, look in SURFACES.items():
        geom = model.geom(name).id
        model.geom_matid[geom], model.geom_rgba[geom] = look.material(model), look.rgba


def add_walls(model: mujoco.MjModel, scene: mujoco.MjvScene) -> None:
    """Add the walls to what is about to be drawn."""
    box, colour = mujoco.mjtGeom.mjGEOM_BOX, np.array(WALL.rgba, dtype=np.float32)
    for middle, turn in _WALLS:
        if scene.ngeom < scene.maxgeom:
            wall, axes = scene.geoms[scene.ngeom], np.array(turn, dtype=np.float64).ravel()
            mujoco.mjv_initGeom(wall, box, np.array(WALL_HALF_M), np.array(middle), axes, colour)
            wall.matid = WALL.material(model)
            wall.specular = 0.0
            scene.ngeom += 1
