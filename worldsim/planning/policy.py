"""No search: what is proposed is done. What the goal head alone is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from worldsim.planning.planner import Cost, Plan, at_least_one, box, scored


@dataclass(frozen=True)
class Policy:
    """The centre as the plan; imagined once, to be looked at.

    Attributes:
        horizon: actions of the plan.
    """

    grows: ClassVar[None] = None

    horizon: int = 4

    def __post_init__(self) -> None:
        at_least_one(horizon=self.horizon)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        actions = box(mean)
        costs = scored(cost, actions[None])
        return Plan(actions, costs[0], actions, costs)
