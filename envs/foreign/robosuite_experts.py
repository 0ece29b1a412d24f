"""The scripted experts of robosuite's tasks, as stages of ``envs.experts.ScriptedExpert``.

Lift's is our own grasp. Positions are metres in the robot-base frame.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from envs.experts import GRASP_STAGES, Pose, Reading, Stage
from envs.pick_place import PLACE_STAGES

Array = NDArray[np.float64]

_ABOVE, _PRE_GRASP, _GRASPED, _LIFTED = GRASP_STAGES
_NEAR, _LOWERED, _RELEASED, _CLEAR = PLACE_STAGES

# -- PickPlaceCan: over the bins' walls ---------------------------------------------------------

CARRY_Z = 0.065
"""Height of the can's centre on its way: its bottom clears the walls by 3 cm."""
DROP_M = 0.025


def _straight(stage: Stage) -> Stage:
    """The same with the fingers across the bins: a can may be grasped from any side."""

    def pose(reading: Reading) -> Pose:
        return stage.pose(reading)[0], 0.0

    return replace(stage, pose=pose)


def _over_walls(reading: Reading) -> Pose:
    offset = reading.tool - reading.place
    return np.array([*reading.tool[:2], CARRY_Z + offset[2]]), None


def _over_compartment(reading: Reading) -> Pose:
    offset = reading.tool - reading.place
    return np.array([*reading.goal[:2], CARRY_Z]) + offset, None


def _in_compartment(reading: Reading) -> Pose:
    return reading.goal + (reading.tool - reading.place) + [0.0, 0.0, DROP_M], None


CAN_STAGES = (
    *map(_straight, (_ABOVE, _PRE_GRASP, _GRASPED)),
    replace(_LIFTED, pose=_over_walls),
    replace(_NEAR, pose=_over_compartment),
    replace(_LOWERED, pose=_in_compartment),
    _RELEASED,
    _CLEAR,
)

# -- Stack: the other cube may stand where a finger would go ------------------------------------

CROWDED_M = 0.12


def _beside(stage: Stage) -> Stage:
    """The same across those sides of the cube that keep the fingers off the other one."""

    def pose(reading: Reading) -> Pose:
        position, yaw = stage.pose(reading)
        assert yaw is not None, "a grasp has a yaw"
        away = reading.goal[:2] - reading.place[:2]
        if np.linalg.norm(away) > CROWDED_M:
            return position, yaw
        other = yaw - math.copysign(math.pi / 2, yaw)
        return position, min(yaw, other, key=lambda angle: _towards(angle, away))

    return replace(stage, pose=pose)


def _towards(yaw: float, direction: Array) -> float:
    """How much the fingers' travel points in a direction (2,)."""
    x, y = direction.tolist()
    return float(abs(math.cos(yaw) * y - math.sin(yaw) * x))


STACK_STAGES = (*map(_beside, (_ABOVE, _PRE_GRASP, _GRASPED)), _LIFTED, *PLACE_STAGES)

# -- Door: closed fingers turn the handle, and drag the door by it ------------------------------

CONTACT_M = 0.03
"""From the handle's axis to the tool centre of closed fingers that touch it."""
PRESS_M = 0.015
"""A hand that presses harder slides off while it drags."""
DRAG_M = 0.05
TURNED_RAD = 1.3


def _turned(reading: Reading) -> float:
    """Angle of the handle, rad: it points along its x axis."""
    return math.asin(float(np.clip(-reading.object_rotation[2, 0], -1.0, 1.0)))


def _at_handle(reading: Reading, distance_m: float) -> Pose:
    """On the side of the handle that is pushed; the thin side of the hand faces the door."""
    pushed, out = _directions(reading)
    heading = math.atan2(-out[0], out[1]) + math.pi  # of the handle at rest, beside the door
    yaw = min(heading % (2 * math.pi) - math.pi / 2, 1.55)
    return reading.place + distance_m * pushed, yaw


def _drag(reading: Reading) -> Pose:
    """From wherever the hand is: press on the handle, and away from the door."""
    pushed, out = _directions(reading)
    return reading.tool - PRESS_M * pushed + DRAG_M * out, _at_handle(reading, 0.0)[1]


def _directions(reading: Reading) -> tuple[Array, Array]:
    """Unit vectors (3,) out of the handle's pushed side, and out of the door."""
    along, out = reading.object_rotation[:, 0], -reading.object_rotation[:, 1]
    pushed = np.cross(along, out)
    return (pushed if pushed[2] > 0 else -pushed), out


DOOR_STAGES = (
    Stage("above", partial(_at_handle, distance_m=0.08), grip=1.0, tolerance_m=0.02),
    Stage("touched", partial(_at_handle, distance_m=CONTACT_M), grip=1.0),
    Stage(
        "turned",
        partial(_at_handle, distance_m=CONTACT_M - 0.04),
        grip=1.0,
        done=lambda reading: _turned(reading) > TURNED_RAD,
    ),
    Stage(
        "opened",
        _drag,
        grip=1.0,
        done=lambda reading: bool(np.linalg.norm(reading.goal - reading.place) < 0.005),
    ),
)
