"""How far a geom reaches below its centre."""

from __future__ import annotations

import mujoco
import numpy as np

from envs.errors import UserError

_GEOM = mujoco.mjtGeom


def reach_below(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """Metres from a geom's centre down to its lowest point.

    The support function of the shape in the direction of gravity.

    Raises:
        ValueError: the shape has no bounds.
    """
    down = data.geom_xmat[geom].reshape(3, 3)[2]
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == _GEOM.mjGEOM_BOX:
        return float(np.abs(down) @ size)
    if kind == _GEOM.mjGEOM_CYLINDER:
        down = np.abs(down)
        return float(size[0] * np.hypot(down[0], down[1]) + size[1] * down[2])
    if kind == _GEOM.mjGEOM_SPHERE:
        return float(size[0])
    if kind == _GEOM.mjGEOM_CAPSULE:
        return float(size[0] + size[1] * abs(down[2]))
    if kind == _GEOM.mjGEOM_ELLIPSOID:
        return float(np.linalg.norm(size * down))
    if kind == _GEOM.mjGEOM_MESH:
        mesh = model.mesh(model.geom_dataid[geom])
        first = mesh.vertadr[0]
        return float(-(model.mesh_vert[first : first + mesh.vertnum[0]] @ down).min())
    raise UserError(f"geom {model.geom(geom).name!r} is not bounded")
