"""Scripted experts: closed-loop policies on privileged state that solve every task.

An expert walks through named stages (the ``dense`` sub-goals). It steers towards each stage's tool
pose, moves on when it has arrived, and starts over when the object slips out. A task lists the
stages of its own expert; getting hold of an object (``GRASP_STAGES``) is common to several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.geometry import TABLE_Z, TOOL_CLEARANCE_M
from envs.spec import ROTATION_SCALE_RAD, TRANSLATION_SCALE_M
from envs.state import parts_of

Array = NDArray[np.float64]
Pose = tuple[Array, float | None]
"""Tool centre (3,) and yaw (None: as it is)."""

HOVER_M = 0.09
LIFT_M = 0.085
# The palm must stay above tall objects: its lowest face is 30 mm above the tool centre.
GRASP_DEPTH_M = 0.028


class Expert(Protocol):
    """A scripted policy of one task."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        ...

    @property
    def stage(self) -> str:
        """Name of the stage being worked towards; "done" after the last one."""
        ...

    def reset(self) -> None:
        """Start from the first stage."""
        ...

    def act(self, observation: Mapping[str, Any]) -> Array:
        """Action (7,) in [-1, 1] for an observation with privileged state."""
        ...


@dataclass(frozen=True)
class Reading:
    """The parts of privileged observations that experts use, see ``envs.state``."""

    tool: Array
    rotation: Array
    closedness: float
    target_closedness: float
    place: Array
    object_rotation: Array
    contacts: Array
    half: Array
    goal: Array
    ceiling: float = TABLE_Z
    """Height (z) above which nothing else stands."""

    @classmethod
    def of(
        cls, observation: Mapping[str, Any], index: int = 0, place: Array | None = None
    ) -> Reading:
        """Split ``observation`` (n,).

        Args:
            observation: privileged.
            index: of the object that is read.
            place: (3,) where it is to go; otherwise what ``desired_goal`` begins with.
        """
        part = parts_of(np.asarray(observation["observation"], dtype=np.float64), index)
        goal = observation["desired_goal"] if place is None else place
        return cls(
            tool=part["tool_position"],
            rotation=_matrix(part["tool_axes"]),
            closedness=float(part["closedness"][0]),
            target_closedness=float(part["target_closedness"][0]),
            place=part["object_position"],
            object_rotation=_matrix(part["object_axes"]),
            contacts=part["contacts"],
            half=part["half_size"],
            goal=np.asarray(goal, dtype=np.float64)[:3],
        )

    @property
    def held(self) -> bool:
        """Both fingers touch the object."""
        return bool(self.contacts.all())


def _matrix(columns: Array) -> Array:
    """Rotation matrix (3, 3) from its first two columns, (6,)."""
    first, second = columns[:3], columns[3:]
    return np.stack([first, second, np.cross(first, second)], axis=1)


@dataclass(frozen=True)
class Stage:
    """One stage of an expert.

    Attributes:
        name: of the sub-goal.
        pose: where the tool is to go.
        grip: the gripper's action in [-1, 1] on the way.
        holding: whether the expert starts over when the object slips out meanwhile.
        tolerance_m: of arrival.
        done: when the stage is over, where that is not arrival at its pose.
    """

    name: str
    pose: Callable[[Reading], Pose]
    grip: float = -1.0
    holding: bool = False
    tolerance_m: float = 0.012
    done: Callable[[Reading], bool] | None = None


class ScriptedExpert:
    """Goes through a list of stages.

    Args:
        stages: in order; after the last one its pose and grip are kept.
    """

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self._stages = stages
        self.stages = tuple(stage.name for stage in stages)
        self.reset()

    def reset(self) -> None:
        """Start from the first stage."""
        self._index = 0

    @property
    def stage(self) -> str:
        """Name of the stage being worked towards; "done" after the last one."""
        return self.stages[self._index] if self._index < len(self.stages) else "done"

    @property
    def _now(self) -> Stage:
        return self._stages[min(self._index, len(self._stages) - 1)]

    def act(self, observation: Mapping[str, Any]) -> Array:
        """Action (7,) in [-1, 1] for ``observation`` and ``desired_goal``."""
        return self.follow(Reading.of(observation))

    def follow(self, reading: Reading) -> Array:
        """Action (7,) in [-1, 1]."""
        self._advance(reading)
        return self._steer(reading)

    def _advance(self, reading: Reading) -> None:
        """Move on from every stage that has been reached; start over after a lost object."""
        if self.stage != "done" and self._now.holding and not reading.contacts.any():
            self._index = 0
        while self.stage != "done" and self._arrived(reading):
            self._index += 1

    def _arrived(self, reading: Reading) -> bool:
        if self._now.done is not None:
            return self._now.done(reading)
        position, yaw = self._now.pose(reading)
        error = np.linalg.norm(position - reading.tool)
        turn = _turn(reading, yaw)
        return bool(error < self._now.tolerance_m and np.linalg.norm(turn) < 0.1)

    def _steer(self, reading: Reading) -> Array:
        position, yaw = self._now.pose(reading)
        move = (position - reading.tool) / TRANSLATION_SCALE_M
        move = move / max(1.0, float(np.abs(move).max()))
        turn = np.clip(_turn(reading, yaw) / ROTATION_SCALE_RAD, -1.0, 1.0)
        return np.concatenate([move, turn, [self._now.grip]])


def _turn(reading: Reading, yaw: float | None) -> Array:
    """Euler xyz (3,) from the present orientation to straight down at ``yaw``."""
    if yaw is None:
        return np.zeros(3)
    from scipy.spatial.transform import Rotation  # half a second: tasks are declared without it

    goal = Rotation.from_euler("z", yaw) * Rotation.from_euler("x", np.pi)
    turn: Array = (goal * Rotation.from_matrix(reading.rotation).inv()).as_euler("xyz")
    return turn


# -- getting hold of an object ------------------------------------------------------------------


def grasp_pose(reading: Reading, above_m: float = 0.0) -> Pose:
    """Around the object, or ``above_m`` over there."""
    height = max(reading.place[2], reading.place[2] + reading.half[2] - GRASP_DEPTH_M)
    point = np.array([*reading.place[:2], max(height, TABLE_Z + TOOL_CLEARANCE_M)])
    return point + np.array([0.0, 0.0, above_m]), _grasp_yaw(reading)


def _grasp_yaw(reading: Reading) -> float:
    """Gripper yaw across the object's width; objects as deep as wide allow quarter turns."""
    axis = reading.object_rotation[:, 0]
    yaw = math.atan2(axis[1], axis[0])
    period = np.pi / 2 if np.isclose(reading.half[0], reading.half[1]) else np.pi
    return float((yaw + period / 2) % period - period / 2)


def _lift(reading: Reading) -> Pose:
    """Straight up; the tool keeps its offset to the held object's centre."""
    offset = reading.tool - reading.place
    rest = TABLE_Z + reading.half[2]
    return np.array([*reading.tool[:2], rest + LIFT_M + offset[2]]), None


def _above(reading: Reading) -> Pose:
    return grasp_pose(reading, HOVER_M)


def _is_held(reading: Reading) -> bool:
    return reading.held and reading.target_closedness > 0.99


GRASP_STAGES = (
    Stage("above", _above, tolerance_m=0.015),
    Stage("pre-grasp", grasp_pose, tolerance_m=0.006),
    Stage("grasped", grasp_pose, grip=1.0, done=_is_held),
    Stage("lifted", _lift, grip=1.0, holding=True),
)
