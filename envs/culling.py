"""What a camera cannot see need not be drawn."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

VISIBLE_GROUPS = (0, 1, 2)
"""Groups of geoms and sites that our scenes draw; collision-only shapes live in group 3."""

SHADOW_M = 5.0
"""Length of the longest shadow, m."""


def out_of_view(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, casting: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Ids of the geoms whose bounding box lies beyond a side of the camera's pyramid.

    So must the box's shadow, of each of the directional lights ``casting``. MuJoCo sends every
    triangle to OpenGL; leaving out these changes no pixel and makes the wrist camera's picture,
    which sees two fingers of the arm, twice as fast.
    """
    half = np.deg2rad(model.cam_fovy[camera]) / 2
    c, s = np.cos(half), np.sin(half)
    sides = np.array([[c, 0, s], [-c, 0, s], [0, c, s], [0, -c, s]])  # their outward normals
    sides = sides @ data.cam_xmat[camera].reshape(3, 3).T
    # A plane has no bounds (0); what is not drawn anyway need not be looked at.
    drawn = np.flatnonzero((model.geom_rbound > 0) & (model.geom_group <= VISIBLE_GROUPS[-1]))
    axes = data.geom_xmat[drawn].reshape(-1, 3, 3).transpose(1, 0, 2).reshape(3, -1)
    along = (sides @ axes).reshape(4, -1, 3)  # the normals in each geom's axes
    center, extent = model.geom_aabb[drawn, :3], model.geom_aabb[drawn, 3:]
    middle = (along * center).sum(axis=2)
    middle += sides @ (data.geom_xpos[drawn] - data.cam_xpos[camera]).T
    reach = (np.abs(along) * extent).sum(axis=2)
    outside = middle > reach
    for light in casting:
        outside &= middle + SHADOW_M * (sides @ data.light_xdir[light])[:, None] > reach
    found: NDArray[np.int64] = drawn[outside.any(axis=0)]
    return found
