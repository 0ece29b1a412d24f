"""Which goal picture is to be brought about now: the advance rules every pixel agent is offered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agents.world_model import ADVANCE_RULES, AgentConfig
from envs.spec import check_choice

Array = NDArray[np.float64]


class SubGoals:
    """Walks through a sequence of goal pictures by the world-model agent's own rules.

    "arrival" moves on when the gripper is where the present picture shows it, as open or closed
    (same tolerances as ``AgentConfig``); "schedule" when the picture's budget is spent.

    Args:
        budgets: (K,) control steps for each picture.
        rule: one of ``ADVANCE_RULES``.

    Raises:
        ValueError: for an unknown rule.
    """

    def __init__(self, budgets: NDArray[np.int64], rule: str) -> None:
        check_choice("advance", rule, ADVANCE_RULES)
        self._budgets, self._rule = budgets, rule
        self.index, self._steps_here = 0, 0

    def step(self, pose_in: Callable[[int], Array], proprio: Array) -> int:
        """Index of the picture to bring about in this control step; called once a step.

        Args:
            pose_in: index -> (7,) gripper pose in that picture.
            proprio: (7,) gripper pose now.
        """
        if self.index + 1 < len(self._budgets) and self._done(pose_in, proprio):
            self.index, self._steps_here = self.index + 1, 0
        self._steps_here += 1
        return self.index

    def _done(self, pose_in: Callable[[int], Array], proprio: Array) -> bool:
        if self._rule == "schedule":
            return self._steps_here >= int(self._budgets[self.index])
        pose = pose_in(self.index)
        near = float(np.linalg.norm(pose[:3] - proprio[:3])) < AgentConfig.arrival_m
        return near and bool(abs(pose[6] - proprio[6]) < AgentConfig.arrival_closedness)
