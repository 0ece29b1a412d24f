"""Segmentation pictures: which body each pixel shows."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

NOTHING = -1
"""Where a pixel is empty."""

MOST_BODIES = 1000
"""Above the ids of all bodies of our scenes."""


def bodies(
    model: mujoco.MjModel, scene: mujoco.MjvScene, pixels: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Ids of bodies, which ``model.body(id).name`` names; a site counts to the body it is on.

    Args:
        model: of the scene.
        scene: as it was drawn.
        pixels: (H, W, 3) drawn with mjRND_SEGMENT and mjRND_IDCOLOR: each colour is a number.

    Returns:
        A new (H, W) int32 array.
    """
    owner = np.full(scene.ngeom + 1, NOTHING, dtype=np.int32)  # by segid + 1, which is drawn
    for geom in scene.geoms[: scene.ngeom]:
        if geom.segid >= 0:
            site = geom.objtype == mujoco.mjtObj.mjOBJ_SITE
            owner[geom.segid + 1] = (model.site_bodyid if site else model.geom_bodyid)[geom.objid]
    found: NDArray[np.int32] = owner[pixels.astype(np.int32) @ np.array([1, 2**8, 2**16])]
    return found
