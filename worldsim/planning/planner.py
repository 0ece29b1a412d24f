"""What a planner is, and what all planners share.

A planner sees a function from candidate actions (S, H, A) to costs (S,), a centre to search around
and candidates worth trying, and nothing else. All it evaluates or returns lies in the box [-1, 1].
Tensors stay on the device of the centre, and no decision in Python waits for one; noise is drawn
from the episode's own NumPy generator, so that a plan depends neither on the device's generator nor
on what ran before.

Shapes: S candidates, H horizon in control steps, A numbers an action, P proposals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from worldsim.errors import UserError

Cost = Callable[[Tensor], Tensor]
"""(S, H, A) actions -> (S,) costs, on the same device."""


@runtime_checkable
class DifferentiableCost(Protocol):
    """A cost that gradient planners can go down."""

    def gradient(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """(S, H, A) actions -> (S,) costs and their gradient (S, H, A)."""
        ...


@runtime_checkable
class ConstrainedCost(Protocol):
    """A cost that tells what must not be from what had better not be."""

    def parts(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """(S, H, A) actions -> (S,) costs and what C constraints are violated by (S, C)."""
        ...


NARROW = (0.2, 0.2, 0.2, 0.0, 0.0, 0.2, 0.2)
"""Spread (A,) of a search around a proposal; 0 holds a dimension where the centre has it."""
WIDE = (0.7, 0.7, 0.7, 0.0, 0.0, 0.5, 0.7)
"""Spread (A,) of a search without one."""


@dataclass(frozen=True)
class Plan:
    """What a planner returns.

    Attributes:
        actions: (H, A) to execute.
        cost: (), the lowest seen.
        mean: (H, A) centre of the search at its end, the warm start of the next plan.
        history: (I,) lowest cost after each iteration.
    """

    actions: Tensor
    cost: Tensor
    mean: Tensor
    history: Tensor


class Planner(Protocol):
    """Anything that searches; stateless between calls.

    Attributes:
        horizon: actions per candidate, H.
    """

    @property
    def horizon(self) -> int: ...  # noqa: D102

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """Search for a cheap action sequence.

        Args:
            cost: (S, H, A) -> (S,).
            rng: the episode's own generator.
            mean: (H, A) centre to search around, on the device to plan on.
            proposals: (P, H, A) further candidates to try as they are.
        """
        ...


def box(actions: Tensor) -> Tensor:
    """Actions within [-1, 1]."""
    return actions.clamp(-1.0, 1.0)


def scored(cost: Cost, candidates: Tensor) -> Tensor:
    """Costs (S,) of candidates (S, H, A).

    Raises:
        ValueError: the costs have another shape.
    """
    costs = cost(candidates)
    if costs.shape != candidates.shape[:1]:
        raise UserError(f"cost returned {tuple(costs.shape)}, not ({len(candidates)},)")
    return costs


def ranked(costs: Tensor) -> Tensor:
    """Indices (S,), cheapest first. Stable, so that ties never depend on the platform."""
    return costs.argsort(stable=True)


def cheaper(
    candidates: Tensor, costs: Tensor, best: Tensor, lowest: Tensor
) -> tuple[Tensor, Tensor]:
    """The cheapest of candidates (S, H, A) and its cost, or what was best (H, A) before them."""
    first = ranked(costs)[:1]  # of one dimension: indexing by a number would wait for the device
    one, cost = candidates[first][0], costs[first][0]
    better = cost < lowest
    return torch.where(better, one, best), torch.where(better, cost, lowest)


def at_least_one(**counts: int) -> None:
    """Refuse counts below one.

    Raises:
        ValueError: naming the first.
    """
    for name, count in counts.items():
        if count < 1:
            raise UserError(f"{name} must be at least 1, got {count}")


def shift(mean: Tensor) -> Tensor:
    """Warm start (H, A) of the next plan: drop the executed action, repeat the last one."""
    return torch.cat([mean[1:], mean[-1:]])
