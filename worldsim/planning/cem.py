"""Cross-entropy method over action sequences, the planner of V-JEPA 2-AC (arXiv 2506.09985, 3.2).

Samples come from a diagonal Gaussian that is refitted to the cheapest ones. The planner knows
nothing of latents: it sees a function from candidate actions (S, H, A) to costs (S,). Randomness
comes from the generator it is handed, one per episode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import UserError

Array = NDArray[np.float32]
Cost = Callable[[Array], Array]

ANSWERS = ("best", "mean")


@dataclass(frozen=True)
class CEMConfig:
    """Options of the search; lengths in control steps, actions in [-1, 1].

    Attributes:
        samples: candidates per iteration.
        iterations: refits of the Gaussian.
        elites: cheapest candidates kept for the refit.
        horizon: actions per candidate.
        initial_std: (A,) spread of the first iteration; 0 holds a dimension at its mean.
        minimum_std: spread never falls below this (a few millimetres of motion).
        momentum, momentum_std: shares of the old mean and of the old spread that survive a refit.
        gripper_limit: the gripper's command stays within plus and minus this.
        gripper_dead_zone: a smaller command than this holds the gripper as it is.
        answer: "best" sequence seen, or the last "mean", which is what V-JEPA 2-AC executes.
    """

    samples: int = 64
    iterations: int = 2
    elites: int = 8
    horizon: int = 2
    initial_std: tuple[float, ...] = (0.7, 0.7, 0.7, 0.0, 0.0, 0.5, 0.7)
    minimum_std: float = 0.05
    momentum: float = 0.1
    momentum_std: float = 0.1
    gripper_limit: float = 1.0
    gripper_dead_zone: float = 0.0
    answer: str = "best"

    def __post_init__(self) -> None:
        if self.answer not in ANSWERS:
            raise UserError(f"unknown answer {self.answer!r}: allowed are {', '.join(ANSWERS)}")
        if not 1 <= self.elites <= self.samples:
            raise UserError(f"elites must be between 1 and samples, got {self.elites}")
        if self.iterations < 1 or self.horizon < 1:
            raise UserError("iterations and horizon must be at least 1")


@dataclass(frozen=True)
class Plan:
    """What a planner returns.

    Attributes:
        actions: (H, A) to execute.
        cost: the lowest seen.
        mean: (H, A) centre of the last Gaussian, the warm start of the next plan.
        history: best cost of each iteration.
    """

    actions: Array
    cost: float
    mean: Array
    history: tuple[float, ...] = field(default=())


class CEM:
    """Plans by sampling; stateless between calls."""

    def __init__(self, config: CEMConfig | None = None) -> None:
        self.config = config or CEMConfig()

    def plan(
        self,
        cost: Cost,
        rng: np.random.Generator,
        mean: Array | None = None,
        proposals: Array | None = None,
    ) -> Plan:
        """Search for the cheapest action sequence.

        Args:
            cost: (S, H, A) actions -> (S,) costs.
            rng: the episode's own generator.
            mean: (H, A) centre of the first Gaussian; zeros if not given.
            proposals: (P, H, A) candidates that join the first iteration as they are.

        Raises:
            ValueError: when the costs have the wrong shape or are all NaN.
        """
        cfg = self.config
        std0 = np.asarray(cfg.initial_std, dtype=np.float32)
        shape = (cfg.horizon, len(std0))
        mean = np.zeros(shape, np.float32) if mean is None else mean.astype(np.float32)
        std = np.broadcast_to(std0, shape).copy()
        floor = np.where(std0 > 0, cfg.minimum_std, 0.0).astype(np.float32)
        best, best_cost, history = mean, np.inf, []
        for iteration in range(cfg.iterations):
            noise = rng.standard_normal((cfg.samples, *shape), dtype=np.float32)
            candidates = mean + std * noise
            candidates[0] = mean
            if iteration == 0 and proposals is not None:
                candidates[1 : 1 + len(proposals)] = proposals
            elif iteration > 0:
                candidates[1] = best
            candidates = self._allowed(candidates)
            costs = cost(candidates)
            if costs.shape != (cfg.samples,) or np.isnan(costs).all():
                raise UserError(f"cost returned {costs.shape}, all NaN or not ({cfg.samples},)")
            # A stable sort, so that ties never depend on the platform.
            order = np.argsort(costs, kind="stable")
            elite = candidates[order[: cfg.elites]]
            if costs[order[0]] < best_cost:
                best, best_cost = candidates[order[0]], float(costs[order[0]])
            history.append(best_cost)
            mean = cfg.momentum * mean + (1.0 - cfg.momentum) * elite.mean(axis=0)
            std = cfg.momentum_std * std + (1.0 - cfg.momentum_std) * elite.std(axis=0)
            std = np.maximum(std, floor)
        actions = best if cfg.answer == "best" else self._allowed(mean)
        return Plan(actions, best_cost, mean, tuple(history))

    def _allowed(self, actions: Array) -> Array:
        """Actions (..., A) within the box; the last dimension is the gripper's."""
        limit = np.ones(actions.shape[-1], dtype=np.float32)
        limit[-1] = self.config.gripper_limit
        inside = np.clip(actions, -limit, limit)
        grip = inside[..., -1]
        inside[..., -1] = np.where(np.abs(grip) < self.config.gripper_dead_zone, 0.0, grip)
        return inside


def shift(mean: Array) -> Array:
    """Warm start (H, A) of the next plan: drop the executed action, repeat the last one."""
    return np.concatenate([mean[1:], mean[-1:]])
