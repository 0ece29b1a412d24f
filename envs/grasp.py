"""Grasp: hold the object at least 4 cm above the table for half a second."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.base import Array, ManipulationEnv, Start
from envs.placement import sample_object, sample_tool
from envs.variations import sample_shape

LIFT_M = 0.04
GOAL_LIFT_M = 0.08
TOLERANCE_M = 0.04


def grasp_terms(env: ManipulationEnv) -> dict[str, float]:
    """Dense terms of getting hold of the object: near, held, lifted."""
    distance = float(np.linalg.norm(env.object_position() - env.tool_position()))
    held = bool(env.finger_contacts().all())
    return {
        "near": 1.0 - float(np.tanh(5.0 * distance)),
        "held": float(held),
        "lifted": float(np.clip(env.clearance() / GOAL_LIFT_M, 0.0, 1.0)) if held else 0.0,
    }


class GraspEnv(ManipulationEnv):
    """Goal: (4,) object centre in the air and 1 for "held by both fingers"."""

    task = "grasp"
    goal_size = 4
    dwell_s = 0.5

    def sample_start(self, rng: np.random.Generator, rgba: Array) -> Start:
        """An object on the table, the gripper somewhere above."""
        kind, half = sample_shape(self.variation, self.object, rng)
        tool, yaw = sample_tool(rng)
        place, turn = sample_object(rng, half[2])
        goal = np.append(place + np.array([0.0, 0.0, GOAL_LIFT_M]), 1.0)
        return Start(kind, half, rgba, tool, yaw, place, turn, None, goal)

    def achieved_goal(self) -> Array:
        """(4,) object centre, and whether both fingers hold it."""
        return np.append(self.object_position(), float(self.finger_contacts().all()))

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """0 where the object is held within 4 cm of its goal, which is then above the table."""
        offset = np.subtract(achieved_goal, desired_goal)
        near = np.linalg.norm(offset[..., :3], axis=-1) < TOLERANCE_M
        return np.where(near & (np.abs(offset[..., 3]) < 0.5), 0.0, -1.0)

    def condition(self) -> bool:
        """Lowest point 4 cm above the table, both fingers in contact."""
        return self.clearance() >= LIFT_M and bool(self.finger_contacts().all())

    def distance(self) -> float:
        """Metres of lift still missing."""
        return max(0.0, LIFT_M - self.clearance())

    def reward_terms(self) -> dict[str, float]:
        """``near`` + ``held`` + ``lifted``, each in [0, 1]."""
        return grasp_terms(self)
