"""Scripted experts: closed-loop policies on privileged state that solve every task.

An expert walks through named stages (the ``dense`` sub-goals): above, pre-grasp, grasped, lifted,
near, lowered, released, clear. It steers towards each stage's tool pose, moves on when it has
arrived, and starts over when the object slips out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.controller import DOWNWARD, TABLE_Z, TOOL_CLEARANCE_M
from envs.spec import ROTATION_SCALE_RAD, TASKS, TRANSLATION_SCALE_M, check_choice

Array = NDArray[np.float64]

STAGES: dict[str, tuple[str, ...]] = {
    "reach": ("reached",),
    "grasp": ("above", "pre-grasp", "grasped", "lifted"),
    "pick-place": (
        "above",
        "pre-grasp",
        "grasped",
        "lifted",
        "near",
        "lowered",
        "released",
        "clear",
    ),
}

HOVER_M = 0.09
LIFT_M = 0.085
CARRY_M = 0.06
RETREAT_M = 0.07
# The palm must stay above tall objects: its lowest face is 30 mm above the tool centre.
GRASP_DEPTH_M = 0.028


@dataclass(frozen=True)
class Reading:
    """The parts of the privileged state vector, see ``ManipulationEnv.state_vector``."""

    tool: Array
    rotation: Rotation
    closedness: float
    target_closedness: float
    place: Array
    object_rotation: Array
    contacts: Array
    half: Array
    goal: Array

    @classmethod
    def of(cls, vector: Array) -> Reading:
        """Split a (37,) state vector."""
        return cls(
            tool=vector[0:3],
            rotation=Rotation.from_matrix(_matrix(vector[3:9])),
            closedness=float(vector[9]),
            target_closedness=float(vector[10]),
            place=vector[11:14],
            object_rotation=_matrix(vector[14:20]),
            contacts=vector[29:31],
            half=vector[31:34],
            goal=vector[34:37],
        )

    @property
    def held(self) -> bool:
        """Both fingers touch the object."""
        return bool(self.contacts.all())


def _matrix(columns: Array) -> Array:
    """Rotation matrix from its first two columns, (6,)."""
    first, second = columns[:3], columns[3:]
    return np.stack([first, second, np.cross(first, second)], axis=1)


class ScriptedExpert:
    """Solves one task from its privileged state.

    Args:
        task: one of ``envs.TASKS``.

    Raises:
        ValueError: for an unknown task.
    """

    def __init__(self, task: str) -> None:
        check_choice("task", task, tuple(TASKS))
        self.task = task
        self.stages = STAGES[task]
        self.reset()

    def reset(self, rng: np.random.Generator | None = None) -> None:
        """Start from the first stage; ``rng`` is not used (the expert is deterministic)."""
        self._index = 0
        self._grip: Array | None = None

    @property
    def stage(self) -> str:
        """Name of the stage being worked towards; "done" after the last one."""
        return self.stages[self._index] if self._index < len(self.stages) else "done"

    def act(self, observation: Mapping[str, Array]) -> Array:
        """Action (7,) in [-1, 1] for an observation with the key ``observation``."""
        reading = Reading.of(np.asarray(observation["observation"], dtype=np.float64))
        self._advance(reading)
        return self._steer(reading)

    # -- stages ---------------------------------------------------------------------------------

    def _advance(self, reading: Reading) -> None:
        """Move on from every stage that has been reached; start over after a lost object."""
        if self.stage in ("lifted", "near", "lowered") and not reading.contacts.any():
            self._index = 0
        while self.stage != "done" and self._arrived(reading):
            self._index += 1

    def _arrived(self, reading: Reading) -> bool:
        position, yaw = self._goal_pose(reading)
        error = np.linalg.norm(position - reading.tool)
        if self.stage == "grasped":
            return reading.held and reading.target_closedness > 0.99
        if self.stage == "released":
            return reading.closedness < 0.1 or (
                not reading.contacts.any() and (reading.target_closedness < 0.01)
            )
        turned = self._turn(reading, yaw)
        tolerance = {"above": 0.015, "pre-grasp": 0.006, "lowered": 0.006}.get(self.stage, 0.012)
        return bool(error < tolerance and np.linalg.norm(turned) < 0.1)

    def _goal_pose(self, reading: Reading) -> tuple[Array, float | None]:
        """Tool centre (3,) and yaw (None: as it is) of the current stage."""
        stage = self.stage if self.stage != "done" else self.stages[-1]
        if stage == "reached":
            return reading.goal, None
        grasp = self._grasp_point(reading)
        yaw = self._grasp_yaw(reading)
        if stage == "above":
            return grasp + np.array([0.0, 0.0, HOVER_M]), yaw
        if stage in ("pre-grasp", "grasped"):
            return grasp, yaw
        # From here on the tool keeps its offset to the held object's centre.
        offset = reading.tool - reading.place
        if stage == "lifted":
            rest = TABLE_Z + reading.half[2]
            return np.array([*reading.tool[:2], rest + LIFT_M + offset[2]]), None
        if stage == "near":
            return reading.goal + offset + [0.0, 0.0, CARRY_M], None
        if stage == "lowered":
            return reading.goal + offset + [0.0, 0.0, 0.004], None
        if stage == "released":
            return reading.tool, None
        top = reading.goal[2] + max(0.0, reading.half[2] - GRASP_DEPTH_M)
        return np.array([*reading.goal[:2], top + RETREAT_M]), None

    @staticmethod
    def _grasp_point(reading: Reading) -> Array:
        height = max(reading.place[2], reading.place[2] + reading.half[2] - GRASP_DEPTH_M)
        return np.array([*reading.place[:2], max(height, TABLE_Z + TOOL_CLEARANCE_M)])

    @staticmethod
    def _grasp_yaw(reading: Reading) -> float | None:
        """Gripper yaw across the object's width; objects as deep as wide allow quarter turns."""
        axis = reading.object_rotation[:, 0]
        yaw = math.atan2(axis[1], axis[0])
        period = np.pi / 2 if np.isclose(reading.half[0], reading.half[1]) else np.pi
        return float((yaw + period / 2) % period - period / 2)

    # -- motion ---------------------------------------------------------------------------------

    @staticmethod
    def _turn(reading: Reading, yaw: float | None) -> Array:
        """Euler xyz (3,) from the present orientation to straight down at ``yaw``."""
        if yaw is None:
            return np.zeros(3)
        goal = Rotation.from_euler("z", yaw) * DOWNWARD
        turn: Array = (goal * reading.rotation.inv()).as_euler("xyz")
        return turn

    def _steer(self, reading: Reading) -> Array:
        position, yaw = self._goal_pose(reading)
        move = (position - reading.tool) / TRANSLATION_SCALE_M
        move = move / max(1.0, float(np.abs(move).max()))
        turn = np.clip(self._turn(reading, yaw) / ROTATION_SCALE_RAD, -1.0, 1.0)
        return np.concatenate([move, turn, [self._gripper()]])

    def _gripper(self) -> float:
        if self.task == "reach":
            return 0.0
        closing = self.stage in ("grasped", "lifted", "near", "lowered")
        if self.task == "grasp" and self.stage == "done":
            closing = True
        return 1.0 if closing else -1.0
