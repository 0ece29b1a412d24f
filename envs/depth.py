"""Depth pictures: OpenGL's depth buffer in metres."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

FARTHEST_M = 100.0
"""Above all depths: our scenes are drawn up to 99.2 m, which is what an empty pixel has."""


def metres(model: mujoco.MjModel, buffer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Metres along the camera's axis, not along each pixel's ray.

    Args:
        model: its clipping planes are those that the buffer was drawn with.
        buffer: (H, W) in [0, 1], 1 at the near plane and 0 at the far one (mjDEPTH_ZEROFAR).

    Returns:
        A new (H, W) float32 array.
    """
    near, far = (plane * model.stat.extent for plane in (model.vis.map.znear, model.vis.map.zfar))
    depth: NDArray[np.float64] = near * far / (near + buffer.astype(np.float64) * (far - near))
    return depth.astype(np.float32)
