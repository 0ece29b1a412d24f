"""The expert of rearrangement: single pick-and-places, one after the other, in an order that works.

Every move keeps above what stands around: up, over, down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.arrangement import Layout
from envs.experts import GRASP_STAGES, HOVER_M, Pose, Reading, ScriptedExpert, Stage, grasp_pose
from envs.geometry import PLATFORM_HALF_SIZE, TABLE_Z
from envs.pick_place import CARRY_M, PLACE_STAGES, above_goal, clear_of_goal

Array = NDArray[np.float64]

FINGERTIP_M = 0.012
"""The fingers reach this far below the tool centre."""
MARGIN_M = 0.02


def read(observation: Mapping[str, Any], index: int, place: Array, count: int) -> Reading:
    """Read the object at ``index`` of ``count``, which is to go to ``place`` (3,)."""
    others = [Reading.of(observation, i, place) for i in range(count) if i != index]
    tops = [o.place[2] + float(np.abs(o.object_rotation[2]) @ o.half) for o in others]
    ceiling = max([TABLE_Z + 2 * float(PLATFORM_HALF_SIZE[2]), *tops])
    return replace(Reading.of(observation, index, place), ceiling=ceiling)


def overhead(reading: Reading) -> float:
    """Height of the tool centre at which the empty fingers pass over everything."""
    return reading.ceiling + FINGERTIP_M + MARGIN_M


def _carried_overhead(reading: Reading) -> float:
    """Height of the tool centre at which the held object passes over everything."""
    bottom = reading.place[2] - reading.half[2]
    return reading.ceiling + MARGIN_M + max(FINGERTIP_M, float(reading.tool[2] - bottom))


def _above(reading: Reading) -> Pose:
    point, yaw = grasp_pose(reading, HOVER_M)
    return np.array([*point[:2], max(point[2], overhead(reading))]), yaw


def _lift(reading: Reading) -> Pose:
    return np.array([*reading.tool[:2], _carried_overhead(reading)]), None


def _near(reading: Reading) -> Pose:
    point, _ = above_goal(reading, CARRY_M)
    return np.array([*point[:2], max(point[2], _carried_overhead(reading))]), None


def _clear(reading: Reading) -> Pose:
    point, _ = clear_of_goal(reading)
    return np.array([*point[:2], max(point[2], overhead(reading))]), None


MOVE = (
    Stage("above", _above, tolerance_m=0.015),
    *GRASP_STAGES[1:3],
    Stage("lifted", _lift, grip=1.0, holding=True),
    Stage("near", _near, grip=1.0, holding=True),
    *PLACE_STAGES[1:3],
    Stage("clear", _clear),
)


class Rearranger:
    """Plans from the first observation; what is out of place at the end is moved once more.

    Args:
        objects: how many there are.
        most: moves that get stages of their own; further ones are counted as the last.
    """

    def __init__(self, objects: int, most: int) -> None:
        self._objects, self._most = objects, most
        self._one = ScriptedExpert(MOVE)
        self.reset()

    def reset(self) -> None:
        """Forget the plan."""
        self._moves: list[tuple[int, Array]] | None = None
        self._number = 0
        self._one.reset()

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of every move, numbered from 1, then ``arranged``."""
        count = self._most if self._moves is None else min(len(self._moves), self._most)
        names = [f"{stage.name}-{i}" for i in range(1, count + 1) for stage in MOVE]
        return (*names, "arranged")

    @property
    def stage(self) -> str:
        """The stage being worked towards; "done" once everything is in place."""
        if self._moves is not None and self._number == len(self._moves):
            return "done"
        return f"{self._one.stage}-{min(self._number + 1, self._most)}"

    def act(self, observation: Mapping[str, Any]) -> Array:
        """Action (7,) in [-1, 1] for ``observation`` and ``desired_goal``."""
        if self._moves is None:
            self._moves = self._plan(observation)
        elif self._number == len(self._moves):
            self._moves += self._plan(observation)
        while self._number < len(self._moves):
            index, place = self._moves[self._number]
            action = self._one.follow(read(observation, index, place, self._objects))
            if self._one.stage != "done":
                return action
            self._number += 1
            self._one.reset()
        return np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])

    def _plan(self, observation: Mapping[str, Any]) -> list[tuple[int, Array]]:
        """Moves that are still to be made."""
        goal = np.asarray(observation["desired_goal"], dtype=np.float64)
        readings = [Reading.of(observation, i) for i in range(self._objects)]
        now, half = (np.stack([getattr(r, name) for r in readings]) for name in ("place", "half"))
        layout = Layout.towards(goal, now, half)
        return layout.way(readings[0].tool)
