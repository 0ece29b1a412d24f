"""Reach: bring the tool centre within 2 cm of a point above the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.base import Array, ManipulationEnv, Start
from envs.controller import TABLE_Z
from envs.placement import sample_tool

TOLERANCE_M = 0.02
PAPER_TOLERANCE_M = 0.04
GOAL_LOW = np.array([0.40, -0.22, TABLE_Z + 0.05])
GOAL_HIGH = np.array([0.68, 0.22, TABLE_Z + 0.34])
MIN_TRAVEL_M = 0.10


class ReachEnv(ManipulationEnv):
    """Goal: (3,) tool centre. V-JEPA 2's own tolerance, 4 cm, is reported as ``within_4cm``."""

    task = "reach"
    goal_size = 3

    def sample_start(self, rng: np.random.Generator, rgba: Array) -> Start:
        """A start and a goal at least ``MIN_TRAVEL_M`` apart."""
        tool, yaw = sample_tool(rng)
        goal = rng.uniform(GOAL_LOW, GOAL_HIGH)
        while np.linalg.norm(goal - tool) < MIN_TRAVEL_M:
            goal = rng.uniform(GOAL_LOW, GOAL_HIGH)
        return Start("none", np.zeros(3), rgba, tool, yaw, np.zeros(3), 0.0, None, goal)

    def achieved_goal(self) -> Array:
        """(3,) tool centre."""
        return self.tool_position()

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """0 within 2 cm, -1 elsewhere."""
        distance = np.linalg.norm(np.subtract(achieved_goal, desired_goal), axis=-1)
        return np.where(distance < TOLERANCE_M, 0.0, -1.0)

    def condition(self) -> bool:
        """Within 2 cm."""
        return self.distance() < TOLERANCE_M

    def distance(self) -> float:
        """Metres from tool centre to goal."""
        return float(np.linalg.norm(self.tool_position() - self.start.goal))

    def reward_terms(self) -> dict[str, float]:
        """``near`` falls smoothly with distance, ``there`` is the sparse bonus."""
        return {
            "near": 1.0 - float(np.tanh(5.0 * self.distance())),
            "there": float(self.condition()),
        }

    def _info(self) -> dict[str, Any]:
        return super()._info() | {"within_4cm": self.distance() < PAPER_TOLERANCE_M}
