"""Where things are: frames, heights and boxes that the scene, the tasks and the experts share.

World frame: origin on the floor below the table's centre, x away from the robot, z up. Everything
an agent or a task sees is in the robot-base frame, whose axes are parallel to the world's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _constant(*values: float) -> Array:
    """A read-only array."""
    array = np.array(values)
    array.flags.writeable = False
    return array


TABLE_TOP_Z = 0.8
"""Height of the table top in the world frame, m (robosuite's Lift)."""

BASE_POS = _constant(-0.56, 0.0, 0.912)
"""(3,) world position of the robot-base frame, m."""

TABLE_Z = float(TABLE_TOP_Z - BASE_POS[2])
"""Height of the table top in the robot-base frame, m."""

HOME_QPOS = _constant(0.0, 0.24375, 0.0, -2.528157, 0.0, 2.771907, 0.785891)
"""(7,) home joint angles of the arm, rad: the tool is 20 cm above the table at world (-0.1, 0, 1)
and points straight down, Euler (pi, 0, 0); every angle is within 10 degrees of robosuite's."""

FINGER_TRAVEL = 0.04
"""Travel of one finger, m: joint1 runs from 0 (closed) to +0.04, joint2 from 0 to -0.04."""

GRIPPER_OPENING = 2 * FINGER_TRAVEL
"""Distance between the finger pads when fully open, m."""

PLATFORM_HALF_SIZE = _constant(0.05, 0.05, 0.025)
"""(3,) half extents of the platform, m: it stands 5 cm high."""

PARKED_Z = -1.0
"""World z at which the platform waits, out of sight below the floor, m."""

# Box of the tool centre in the robot-base frame. The lowest point keeps the finger tips, which
# reach below the tool centre, off the table; the far and high corners, where the arm cannot keep
# the gripper vertical, are left out.
TOOL_CLEARANCE_M = 0.012
WORKSPACE_LOW = _constant(0.32, -0.30, TABLE_Z + TOOL_CLEARANCE_M)
WORKSPACE_HIGH = _constant(0.70, 0.30, TABLE_Z + 0.36)
