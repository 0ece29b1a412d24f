"""Pick-and-place: put the object on a platform 5 cm high, let go, leave it at rest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.experts import GRASP_DEPTH_M, GRASP_STAGES, Pose, Reading, ScriptedExpert, Stage
from envs.geometry import PLATFORM_HALF_SIZE, TABLE_Z
from envs.grasp import grasp_stage, grasp_terms
from envs.start import ObjectStart, Start
from envs.task import Task, TaskSpec

if TYPE_CHECKING:
    from envs.draws import Draws
    from envs.scene import Scene

Array = NDArray[np.float64]

TOLERANCE_M = 0.04
STILL_M_PER_S = 0.02
MIN_TRAVEL_M = 0.15
CARRY_M = 0.06
RETREAT_M = 0.07


def busy(scene: Scene, index: int = 0) -> bool:
    """Whether an object is not left alone: a finger touches it, or it moves."""
    moves = float(np.linalg.norm(scene.object_velocity(index)[:3])) >= STILL_M_PER_S
    return moves or bool(scene.finger_contacts(index).any())


class PickPlace(Task):
    """Goal: (4,) object centre on the platform and 0 for "left alone"."""

    def sample_start(self, draws: Draws) -> Start:
        """Object and platform at least ``MIN_TRAVEL_M`` apart."""
        height = float(PLATFORM_HALF_SIZE[2])
        kind, half = draws.object_shape()
        tool, yaw = draws.tool()
        place, turn = draws.object_pose(half[2])
        platform, _ = draws.object_pose(height)
        while np.linalg.norm(platform[:2] - place[:2]) < MIN_TRAVEL_M:
            platform, _ = draws.object_pose(height)
        goal = np.array([*platform[:2], TABLE_Z + 2 * height + half[2], 0.0])
        return Start(tool, yaw, goal, (ObjectStart(kind, half, place, turn),), platform)

    def achieved_goal(self, scene: Scene) -> Array:
        """(4,) object centre, and whether a finger touches it or it moves."""
        return np.append(scene.object_position(), float(busy(scene)))

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array) -> Any:
        """0 where the object is within 4 cm of its place and left alone, -1 elsewhere."""
        offset = np.subtract(achieved_goal, desired_goal)
        near = np.linalg.norm(offset[..., :3], axis=-1) < TOLERANCE_M
        return np.where(near & (np.abs(offset[..., 3]) < 0.5), 0.0, -1.0)

    def confirmed(self, scene: Scene) -> bool:
        """On the platform."""
        return scene.on_platform()

    def distance(self, scene: Scene, goal: Array) -> float:
        """Metres from the object's centre to its place on the platform."""
        return float(np.linalg.norm(scene.object_position() - goal[:3]))

    def reward_terms(self, scene: Scene, goal: Array) -> dict[str, float]:
        """The terms of a grasp, then ``carried`` (towards the place) and ``released`` there."""
        terms, distance = grasp_terms(scene), self.distance(scene, goal)
        if distance < TOLERANCE_M and scene.on_platform():
            # Letting go must never cost what holding earned.
            terms = dict.fromkeys(terms, 1.0)
        carried = 1.0 - float(np.tanh(5.0 * distance))
        return terms | {"carried": carried, "released": 5.0 * float(self.condition(scene, goal))}

    def stage(self, scene: Scene) -> str:
        """How far the grasp is; placing is what solves the task."""
        return grasp_stage(scene)


def above_goal(reading: Reading, height_m: float) -> Pose:
    """The tool keeps its offset to the held object, which is brought over its place."""
    return reading.goal + (reading.tool - reading.place) + [0.0, 0.0, height_m], None


def clear_of_goal(reading: Reading) -> Pose:
    """Above the object that was let go."""
    top = reading.goal[2] + max(0.0, reading.half[2] - GRASP_DEPTH_M)
    return np.array([*reading.goal[:2], top + RETREAT_M]), None


def stay(reading: Reading) -> Pose:
    """Where the tool is."""
    return reading.tool, None


def has_let_go(reading: Reading) -> bool:
    """The gripper is open, or opens and touches nothing."""
    return reading.closedness < 0.1 or (
        not reading.contacts.any() and reading.target_closedness < 0.01
    )


PLACE_STAGES = (
    Stage("near", partial(above_goal, height_m=CARRY_M), grip=1.0, holding=True),
    Stage(
        "lowered", partial(above_goal, height_m=0.004), grip=1.0, holding=True, tolerance_m=0.006
    ),
    Stage("released", stay, done=has_let_go),
    Stage("clear", clear_of_goal),
)

SPEC = TaskSpec(
    name="pick-place",
    id="worldsim/PickPlace-v0",
    task=PickPlace,
    expert=partial(ScriptedExpert, (*GRASP_STAGES, *PLACE_STAGES)),
    budget=40,
    goal_size=4,
    objects=1,
    solved_stage="placed",
    schedules={
        "subgoals": {"grasped": 14, "near": 14, "released": 12},
        "dense": {
            "above": 7,
            "pre-grasp": 6,
            "grasped": 4,
            "lifted": 4,
            "near": 8,
            "lowered": 4,
            "released": 3,
            "clear": 4,
        },
        "final": {"clear": 40},
    },
    action_dims=(0, 1, 2, 5, 6),
    dwell_s=0.5,
)
