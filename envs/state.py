"""The privileged state vector: what stands where in it.

The goal does not: hindsight exchanges ``desired_goal``, and a copy would contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

_ROBOT = {
    "tool_position": 3,
    "tool_axes": 6,  # first two columns of the rotation matrix
    "closedness": 1,
    "target_closedness": 1,
}
_OBJECT = {
    "object_position": 3,
    "object_axes": 6,
    "tool_to_object": 3,
    "object_velocity": 6,  # linear m/s, angular rad/s
    "contacts": 2,  # of the left and the right finger with the object
    "half_size": 3,
}
_OBJECT_SIZE = sum(_OBJECT.values())


def _slices(sizes: Mapping[str, int]) -> Mapping[str, slice]:
    slices, start = {}, 0
    for name, size in sizes.items():
        slices[name] = slice(start, start + size)
        start += size
    return MappingProxyType(slices)


STATE: Mapping[str, slice] = _slices(_ROBOT | _OBJECT)
"""Name of a part -> where it is in the vector. Metres and radians in the robot-base frame.

Parts of an object are the first one's; those of the further ones follow in the same order.
"""

STATE_SIZE = sum((_ROBOT | _OBJECT).values())
"""Numbers in the vector of a scene with at most one object."""


def state_size(objects: int) -> int:
    """Numbers in the vector of a scene with so many objects."""
    return STATE_SIZE + _OBJECT_SIZE * max(0, objects - 1)


def parts_of(vector: NDArray[np.float64], index: int = 0) -> dict[str, NDArray[np.float64]]:
    """The parts of a vector, those of an object being the one's at ``index``."""
    shift = _OBJECT_SIZE * index
    return {
        name: vector[place.start + shift : place.stop + shift] if name in _OBJECT else vector[place]
        for name, place in STATE.items()
    }
