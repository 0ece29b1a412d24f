"""Undoing what an episode changed in its model."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

# Large, and copied to the graphics card once: changing them in place would show nowhere.
_FIXED = ("mesh", "tex_data", "hfield", "skin", "name", "path", "text", "flex", "bvh")


class Pristine:
    """A copy of every number of a model but its meshes and textures.

    Args:
        model: as compiled.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        holders = [model, model.opt, model.stat, model.vis.headlight, model.vis.map]
        bodies = int((model.body_bvhadr + model.body_bvhnum).max())  # the meshes' trees follow
        boxes = model.bvh_aabb[:bodies]
        self._arrays: list[tuple[NDArray[Any], NDArray[Any]]] = [(boxes, boxes.copy())]
        self._numbers: list[tuple[Any, str, Any]] = []
        for holder in holders:
            for name in dir(holder):
                if name.startswith(("_", *_FIXED)):
                    continue
                value = getattr(holder, name)
                if isinstance(value, np.ndarray) and value.size:
                    self._arrays.append((value, value.copy()))
                elif isinstance(value, int | float) and holder is not model:
                    self._numbers.append((holder, name, value))

    def restore(self) -> None:
        """Write the copy back."""
        for value, copy in self._arrays:
            value[...] = copy
        for holder, name, number in self._numbers:
            setattr(holder, name, number)
