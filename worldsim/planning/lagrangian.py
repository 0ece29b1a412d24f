"""Search under constraints: an augmented Lagrangian (Hestenes 1969, Powell 1969) around CEM.

What must not be is not weighed against what is wanted: multipliers rise until the plan keeps to it.
Whether it does is asked after every search: one number a round is waited for, which saves the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.errors import UserError
from worldsim.planning.cem import CEM
from worldsim.planning.planner import NARROW, ConstrainedCost, Cost, Plan, at_least_one


@dataclass(frozen=True)
class Lagrangian:
    """CEM again and again, with multipliers between.

    Attributes:
        samples, iterations, elites: of each search, see ``CEM``.
        rounds: searches; the first that keeps to all constraints is the last.
        penalty: of a squared violation, and by how much of it multipliers rise; it doubles.
        tolerance: a violation that counts as none.
        horizon: actions per candidate.
        spread: (A,) standard deviations of each search.
    """

    samples: int = 32
    iterations: int = 2
    elites: int = 6
    rounds: int = 4
    penalty: float = 1.0
    tolerance: float = 1e-3
    horizon: int = 4
    spread: tuple[float, ...] = NARROW

    def __post_init__(self) -> None:
        at_least_one(rounds=self.rounds)
        self._search()

    def _search(self) -> CEM:
        return CEM(self.samples, self.iterations, self.elites, self.horizon, self.spread)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``; where no plan keeps to all constraints, that which violates least.

        Raises:
            ValueError: the cost does not tell constraints apart.
        """
        if not isinstance(cost, ConstrainedCost):
            raise UserError("the lagrangian planner needs a cost that tells constraints apart")
        constrained, penalty = cost, self.penalty
        multipliers: Tensor | float = 0.0
        best, least, history = None, mean.new_tensor(torch.inf), []
        for _ in range(self.rounds):

            def augmented(
                actions: Tensor, multipliers: Tensor | float = multipliers, penalty: float = penalty
            ) -> Tensor:
                costs, violations = constrained.parts(actions)
                return costs + (multipliers * violations + 0.5 * penalty * violations**2).sum(dim=1)

            plan = self._search().plan(augmented, rng, mean, proposals)
            price, violations = constrained.parts(plan.actions[None])
            history.append(plan.history)
            if best is None or violations.sum() < least:
                best, least = (
                    Plan(plan.actions, price[0], plan.mean, plan.history),
                    violations.sum(),
                )
            if least <= self.tolerance:
                break
            multipliers, penalty = multipliers + penalty * violations[0], 2.0 * penalty
            mean = plan.mean
        assert best is not None, "there is at least one round"
        return Plan(best.actions, best.cost, best.mean, torch.cat(history))
