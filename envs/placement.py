"""Where things may start: boxes in the robot-base frame shared by all tasks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.geometry import TABLE_Z

Array = NDArray[np.float64]

TOOL_LOW = np.array([0.42, -0.20, TABLE_Z + 0.16])
TOOL_HIGH = np.array([0.62, 0.20, TABLE_Z + 0.30])
TOOL_YAW_RAD = 0.3
TABLETOP_LOW = np.array([0.44, -0.18])
TABLETOP_HIGH = np.array([0.66, 0.18])
# Every object is narrow enough to be grasped across its width by a gripper that turns this far.
OBJECT_YAW_RAD = 0.5


def sample_tool(rng: np.random.Generator) -> tuple[Array, float]:
    """Start of the tool centre (3,) and its yaw."""
    return rng.uniform(TOOL_LOW, TOOL_HIGH), float(rng.uniform(-TOOL_YAW_RAD, TOOL_YAW_RAD))


def sample_object(rng: np.random.Generator, half_height: float) -> tuple[Array, float]:
    """Resting pose on the table: centre (3,) and yaw."""
    place = np.append(rng.uniform(TABLETOP_LOW, TABLETOP_HIGH), TABLE_Z + half_height)
    return place, float(rng.uniform(-OBJECT_YAW_RAD, OBJECT_YAW_RAD))
