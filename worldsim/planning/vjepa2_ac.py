"""The search of V-JEPA 2-AC (arXiv 2506.09985, 3.2), as its published code does it.

Every plan starts anew from a mean of zero; nothing is carried over from the last one, nor from one
iteration to the next but mean and spread. The gripper's have a momentum of their own. The spread is
the unbiased one. The answer is the last mean; a small gripper command in it becomes none, but not
in the candidates. Rotation is not searched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.noise import normal
from worldsim.planning.gaussian import check_elites
from worldsim.planning.planner import Cost, Plan, at_least_one, ranked, scored

_SEARCHED = (0, 1, 2, 6)


@dataclass(frozen=True)
class VJEPA2AC:
    """The paper's planner; its box of 7.5 cm is our box of 1.

    Attributes:
        samples: candidates per iteration.
        iterations: refits of the Gaussian.
        elites: cheapest candidates kept for the refit.
        horizon: actions per candidate.
        momentum, momentum_std: shares of the old mean and spread of the translation that survive.
        gripper_momentum, gripper_momentum_std: the same for the gripper.
        gripper_limit: the gripper's command stays within plus and minus this.
        gripper_dead_zone: a smaller command than this holds the gripper as it is.
    """

    samples: int = 800
    iterations: int = 10
    elites: int = 10
    horizon: int = 1
    momentum: float = 0.15
    momentum_std: float = 0.75
    gripper_momentum: float = 0.15
    gripper_momentum_std: float = 0.15
    gripper_limit: float = 0.75
    gripper_dead_zone: float = 0.25

    def __post_init__(self) -> None:
        at_least_one(iterations=self.iterations, horizon=self.horizon)
        check_elites(self.elites, self.samples, least=2)

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``; centre and proposals are not used, as the paper has none."""
        whole = torch.zeros_like(mean)
        limit = mean.new_tensor([1.0, 1.0, 1.0, self.gripper_limit])
        keep = mean.new_tensor([self.momentum] * 3 + [self.gripper_momentum])
        keep_std = mean.new_tensor([self.momentum_std] * 3 + [self.gripper_momentum_std])
        centre, std = whole[:, _SEARCHED], torch.ones_like(whole[:, _SEARCHED])  # (H, 4)
        lowest, history = mean.new_tensor(torch.inf), []
        for _ in range(self.iterations):
            # Upstream draws step by step.
            noise = normal(rng, (len(mean), self.samples, len(_SEARCHED)), mean).transpose(0, 1)
            moves = (noise * std + centre).clamp(-limit, limit)  # (S, H, 4)
            costs = scored(cost, _full(moves, whole))
            order = ranked(costs)
            elite = moves[order[: self.elites]]
            lowest = torch.minimum(lowest, costs[order[:1]][0])
            history.append(lowest)
            centre = (1.0 - keep) * elite.mean(dim=0) + keep * centre
            std = (1.0 - keep_std) * elite.std(dim=0) + keep_std * std
        actions = _full(centre[None], whole)[0]
        small = actions[:, 6:].abs() < self.gripper_dead_zone
        actions[:, 6:] = actions[:, 6:].masked_fill(small, 0.0)
        return Plan(actions, lowest, actions, torch.stack(history))


def _full(moves: Tensor, like: Tensor) -> Tensor:
    """Searched numbers (S, H, 4) as actions (S, H, 7)."""
    actions = like.expand(len(moves), -1, -1).clone()
    actions[..., _SEARCHED] = moves
    return actions
