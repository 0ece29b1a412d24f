"""The privileged state vector: what stands where in it.

The goal does not: hindsight exchanges ``desired_goal``, and a copy would contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SIZES = {
    "tool_position": 3,
    "tool_axes": 6,  # first two columns of the rotation matrix
    "closedness": 1,
    "target_closedness": 1,
    "object_position": 3,
    "object_axes": 6,
    "tool_to_object": 3,
    "object_velocity": 6,  # linear m/s, angular rad/s
    "contacts": 2,  # of the left and the right finger with the object
    "half_size": 3,
}


def _slices() -> Mapping[str, slice]:
    slices, start = {}, 0
    for name, size in _SIZES.items():
        slices[name] = slice(start, start + size)
        start += size
    return MappingProxyType(slices)


STATE: Mapping[str, slice] = _slices()
"""Name of a part -> where it is in the vector. Metres and radians in the robot-base frame."""

STATE_SIZE = sum(_SIZES.values())
