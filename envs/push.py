"""Push: bring the object to a mark on the table without ever lifting it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.experts import GRASP_STAGES, Pose, Reading, ScriptedExpert, Stage
from envs.pick_place import above_goal, busy, clear_of_goal, has_let_go, stay
from envs.start import ObjectStart, Start
from envs.task import Task, TaskSpec

if TYPE_CHECKING:
    from envs.draws import Draws
    from envs.scene import Scene

Array = NDArray[np.float64]

TOLERANCE_M = 0.04
LIFTED_M = 0.01
NEAR_M = 0.06
MIN_TRAVEL_M = 0.15
SLIDE_HEIGHT_M = 0.004
STROKE_M = 0.05


class Push(Task):
    """Goal: (5,) object centre, 0 for "left alone" and 0 for "never lifted".

    What is near the mark is measured along the table: an object that tipped over has arrived too.
    """

    def sample_start(self, draws: Draws) -> Start:
        """Object and mark at least ``MIN_TRAVEL_M`` apart."""
        kind, half = draws.object_shape()
        tool, yaw = draws.tool()
        place, turn = draws.object_pose(half[2])
        mark, _ = draws.object_pose(0.0)
        while np.linalg.norm((mark - place)[:2]) < MIN_TRAVEL_M:
            mark, _ = draws.object_pose(0.0)
        goal = np.array([*mark[:2], place[2], 0.0, 0.0])
        return Start(tool, yaw, goal, (ObjectStart(kind, half, place, turn),), mark=mark)

    def achieved_goal(self, scene: Scene) -> Array:
        """(5,) object centre, whether a finger touches it or it moves, whether it was lifted."""
        lifted = bool(scene.highest[0] >= LIFTED_M)
        return np.array([*scene.object_position(), float(busy(scene)), float(lifted)])

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array) -> Any:
        """0 where the object is within 4 cm of the mark, left alone and never lifted, else -1."""
        offset = np.subtract(achieved_goal, desired_goal)
        near = np.linalg.norm(offset[..., :2], axis=-1) < TOLERANCE_M
        return np.where(near & (np.abs(offset[..., 3:]) < 0.5).all(axis=-1), 0.0, -1.0)

    def distance(self, scene: Scene, goal: Array) -> float:
        """Metres along the table from the object's centre to the mark."""
        return float(np.linalg.norm(scene.object_position()[:2] - goal[:2]))

    def reward_terms(self, scene: Scene, goal: Array) -> dict[str, float]:
        """``near`` (tool to object), ``pushed`` (object to mark) while on the table, ``there``."""
        apart = float(np.linalg.norm(scene.object_position() - scene.tool_position()))
        down = scene.highest[0] < LIFTED_M
        pushed = 1.0 - float(np.tanh(5.0 * self.distance(scene, goal)))
        there = self.condition(scene, goal)
        return {
            # Leaving the object must never cost what being at it earned.
            "near": 1.0 if there else 1.0 - float(np.tanh(5.0 * apart)),
            "pushed": pushed if down else 0.0,
            "there": 5.0 * float(there),
        }

    def stage(self, scene: Scene) -> str:
        """Reached: the tool is at the object."""
        apart = np.linalg.norm(scene.object_position() - scene.tool_position())
        return "reached" if apart < NEAR_M else "none"


def _raise(reading: Reading) -> Pose:
    """Where the object is, just off the table; the tool keeps its offset to the held object."""
    height = reading.goal[2] + SLIDE_HEIGHT_M - reading.place[2]
    return reading.tool + np.array([0.0, 0.0, height]), None


def _is_off(reading: Reading) -> bool:
    return bool(reading.place[2] > reading.goal[2] + SLIDE_HEIGHT_M / 2)


# A tall object would tip over before a finger that pushes it, and swing in the grip if dragged.
SLIDE_STAGES = (
    Stage("off", _raise, grip=1.0, holding=True, done=_is_off),
    Stage("slid", partial(above_goal, height_m=SLIDE_HEIGHT_M), grip=1.0, holding=True),
    Stage("released", stay, done=has_let_go),
    Stage("clear", clear_of_goal),
)

SPEC = TaskSpec(
    name="push",
    id="worldsim/Push-v0",
    task=Push,
    expert=partial(ScriptedExpert, (*GRASP_STAGES[:3], *SLIDE_STAGES)),
    budget=30,
    goal_size=5,
    objects=1,
    solved_stage="placed",
    schedules={
        "subgoals": {"grasped": 14, "slid": 8, "released": 8},
        "dense": {
            "above": 7,
            "pre-grasp": 6,
            "grasped": 4,
            "slid": 6,
            "released": 3,
            "clear": 4,
        },
        "final": {"clear": 30},
    },
    action_dims=(0, 1, 2, 5, 6),
    dwell_s=0.5,
)
