"""Which goal picture is to be brought about now: the advance rules every pixel agent is offered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from envs.spec import check_choice

Array = NDArray[np.float64]

ADVANCE_RULES = ("arrival", "schedule")
ARRIVAL_M = 0.015
ARRIVAL_CLOSEDNESS = 0.12


def arrived(pose: Array, proprio: Array) -> bool:
    """Whether the gripper (7,) is at a pose (7,), and as open or closed."""
    near = float(np.linalg.norm(pose[:3] - proprio[:3])) < ARRIVAL_M
    return near and bool(abs(pose[6] - proprio[6]) < ARRIVAL_CLOSEDNESS)


class SubGoals:
    """Walks through a sequence of goal pictures.

    "schedule" moves on when the present picture's budget is spent; "arrival" also as soon as it is
    brought about. (A picture that was passed by unnoticed must not hold up those after it.) While
    the last picture is brought about, "arrival" leaves the gripper as it is: see ``settle``.

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
        self.complete = False  # whether the last picture is brought about now

    def step(self, is_reached: Callable[[int], bool]) -> int:
        """Index of the picture to bring about in this control step; called once a step.

        Args:
            is_reached: whether the picture of an index is brought about.
        """
        if self.index + 1 < len(self._budgets) and self._done(is_reached):
            self.index, self._steps_here = self.index + 1, 0
        self._steps_here += 1
        last = self.index + 1 == len(self._budgets)
        self.complete = last and self._rule == "arrival" and is_reached(self.index)
        return self.index

    def settle(self, action: Array) -> Array:
        """The action (7,) to take in place of ``action``; another one only for a complete sequence.

        A picture of an object let go shows fingers that are still opening. Wide open ones are not
        what it shows, so a policy closes them a little, holds the object again, lets go again, and
        so on: what is there already must not be worked towards.
        """
        return np.append(action[:6], 0.0) if self.complete else action

    def _done(self, is_reached: Callable[[int], bool]) -> bool:
        if self._steps_here >= int(self._budgets[self.index]):
            return True
        return self._rule == "arrival" and is_reached(self.index)
