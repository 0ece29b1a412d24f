"""Grasp: hold the object at least 4 cm above the table for half a second."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.experts import GRASP_STAGES, ScriptedExpert
from envs.geometry import TABLE_Z
from envs.start import ObjectStart, Start
from envs.task import Task, TaskSpec

if TYPE_CHECKING:
    from envs.draws import Draws
    from envs.scene import Scene

Array = NDArray[np.float64]

LIFT_M = 0.04
GOAL_LIFT_M = 0.08
TOLERANCE_M = 0.04
NEAR_M = 0.04


def grasp_terms(scene: Scene) -> dict[str, float]:
    """Dense terms of getting hold of the object: near, held, lifted, each in [0, 1]."""
    distance = float(np.linalg.norm(scene.object_position() - scene.tool_position()))
    held = bool(scene.finger_contacts().all())
    return {
        "near": 1.0 - float(np.tanh(5.0 * distance)),
        "held": float(held),
        "lifted": float(np.clip(scene.clearance() / GOAL_LIFT_M, 0.0, 1.0)) if held else 0.0,
    }


def grasp_stage(scene: Scene, index: int = 0) -> str:
    """How far a grasp is: none, reached (tool at the object), grasped or lifted."""
    if scene.finger_contacts(index).all():
        return "lifted" if scene.clearance(index) >= LIFT_M else "grasped"
    near = np.linalg.norm(scene.object_position(index) - scene.tool_position()) < NEAR_M
    return "reached" if near else "none"


class Grasp(Task):
    """Goal: (4,) object centre ``GOAL_LIFT_M`` above where it stood, and 1 for "held by both".

    The third number is the height at which the centre would be if the object stood upright on its
    lowest point: what counts as lifted is that point. A held goal is reached anywhere that is not
    lower by more than 4 cm; the others, which only hindsight makes, within 4 cm all around.
    """

    def sample_start(self, draws: Draws) -> Start:
        """An object on the table, the gripper somewhere above."""
        kind, half = draws.object_shape()
        tool, yaw = draws.tool()
        place, turn = draws.object_pose(half[2])
        goal = np.append(place + np.array([0.0, 0.0, GOAL_LIFT_M]), 1.0)
        return Start(tool, yaw, goal, (ObjectStart(kind, half, place, turn),))

    def achieved_goal(self, scene: Scene) -> Array:
        """(4,) object centre as if upright, and whether both fingers hold it."""
        x, y, _ = scene.object_position()
        height = TABLE_Z + scene.clearance() + scene.half_size()[2]
        return np.array([x, y, height, float(scene.finger_contacts().all())])

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array) -> Any:
        """0 where the object is held high enough, or lies where that is asked; -1 elsewhere."""
        offset = np.subtract(achieved_goal, desired_goal)
        held = np.asarray(desired_goal)[..., 3] > 0.5
        near = np.linalg.norm(offset[..., :3], axis=-1) < TOLERANCE_M
        there = np.where(held, offset[..., 2] >= LIFT_M - GOAL_LIFT_M, near)
        return np.where(there & (np.abs(offset[..., 3]) < 0.5), 0.0, -1.0)

    def distance(self, scene: Scene, goal: Array) -> float:
        """Metres of lift still missing."""
        return max(0.0, LIFT_M - scene.clearance())

    def reward_terms(self, scene: Scene, goal: Array) -> dict[str, float]:
        """``near`` + ``held`` + ``lifted``."""
        return grasp_terms(scene)

    def stage(self, scene: Scene) -> str:
        """How far the grasp is."""
        return grasp_stage(scene)


SPEC = TaskSpec(
    name="grasp",
    id="worldsim/Grasp-v0",
    task=Grasp,
    expert=partial(ScriptedExpert, GRASP_STAGES),
    budget=30,
    goal_size=4,
    objects=1,
    solved_stage="lifted",
    schedules={
        "subgoals": {"lifted": 30},
        "dense": {"above": 9, "pre-grasp": 7, "grasped": 5, "lifted": 9},
        "final": {"lifted": 30},
    },
    action_dims=(0, 1, 2, 5, 6),
    dwell_s=0.5,
)
