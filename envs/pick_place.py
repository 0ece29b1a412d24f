"""Pick-and-place: put the object on a platform 5 cm high, let go, leave it at rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.base import PLATFORM_HEIGHT_M, Array, ManipulationEnv, Start
from envs.controller import TABLE_Z
from envs.grasp import grasp_terms
from envs.placement import sample_object, sample_tool
from envs.variations import sample_shape

TOLERANCE_M = 0.04
STILL_M_PER_S = 0.02
MIN_TRAVEL_M = 0.15


class PickPlaceEnv(ManipulationEnv):
    """Goal: (4,) object centre at rest on the platform and 0 for "released"."""

    task = "pick-place"
    goal_size = 4
    dwell_s = 0.5

    def sample_start(self, rng: np.random.Generator, rgba: Array) -> Start:
        """Object and platform at least ``MIN_TRAVEL_M`` apart."""
        kind, half = sample_shape(self.variation, self.object, rng)
        tool, yaw = sample_tool(rng)
        place, turn = sample_object(rng, half[2])
        platform, _ = sample_object(rng, PLATFORM_HEIGHT_M / 2)
        while np.linalg.norm(platform[:2] - place[:2]) < MIN_TRAVEL_M:
            platform, _ = sample_object(rng, PLATFORM_HEIGHT_M / 2)
        centre = np.array([*platform[:2], TABLE_Z + PLATFORM_HEIGHT_M + half[2]])
        return Start(kind, half, rgba, tool, yaw, place, turn, platform, np.append(centre, 0.0))

    def achieved_goal(self) -> Array:
        """(4,) object centre, and whether any finger still touches it."""
        return np.append(self.object_position(), float(self.finger_contacts().any()))

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """0 where the released object is within 4 cm of its place, -1 elsewhere."""
        offset = np.subtract(achieved_goal, desired_goal)
        near = np.linalg.norm(offset[..., :3], axis=-1) < TOLERANCE_M
        return np.where(near & (np.abs(offset[..., 3]) < 0.5), 0.0, -1.0)

    def condition(self) -> bool:
        """On the platform within 4 cm of its centre, released and still."""
        return (
            self.distance() < TOLERANCE_M
            and self.on_platform()
            and not self.finger_contacts().any()
            and float(np.linalg.norm(self.object_velocity()[:3])) < STILL_M_PER_S
        )

    def distance(self) -> float:
        """Metres from the object's centre to its place on the platform."""
        return float(np.linalg.norm(self.object_position() - self.start.goal[:3]))

    def reward_terms(self) -> dict[str, float]:
        """The terms of a grasp, then ``carried`` (towards the place) and ``released`` there."""
        terms = grasp_terms(self)
        if self.distance() < TOLERANCE_M and self.on_platform():
            # Letting go must never cost what holding earned.
            terms = dict.fromkeys(terms, 1.0)
        carried = 1.0 - float(np.tanh(5.0 * self.distance()))
        return terms | {"carried": carried, "released": 5.0 * float(self.condition())}
