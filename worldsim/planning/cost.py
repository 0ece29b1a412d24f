"""Energies of imagined futures: how far is where this ends up from what the goal picture shows?

``LatentGoalCost`` closes over latents, proprioception and goal; a planner sees only a function
from candidate actions (S, H, A) to costs (S,). Terms, each a weight in ``CostConfig``:

- *latent*: mean distance between imagined and goal latents, summed over the path with growing
  weight (V-JEPA 2-AC uses the L1 of the last step only);
- *pose*: metres, turned radians and closedness between the imagined gripper and the gripper read
  from the goal picture by the read-out: a metric term without coordinates being handed over;
- *steps*: control steps to the goal from the last imagined latents, by the goal head;
- *trust*: squared departure from what the goal head proposes. Learnt energies are right where they
  were learnt; without this term the search finds where they are wrong. The other terms are good
  compasses near the goal only: far from it, trust grows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import UserError
from worldsim.states import decode_state
from worldsim.world_model import Context, WorldModel

# Latent numbers imagined at a time: 8,000 candidates of "tiny", 90 of ViT-g.
_NUMBERS_AT_ONCE = 2**25

Imagine = Callable[[Context, Tensor], tuple[Tensor, Tensor]]
"""Context and actions (S, H, 7) -> latents (S, H, N, D) and states (S, H, 7)."""


@dataclass(frozen=True)
class CostConfig:
    """Weights of the terms.

    Attributes:
        latent: of the latent distance.
        pose: of the gripper's distance to the pose read from the goal picture, per 5 cm.
        closedness: of the difference in closedness.
        steps: of the temporal distance, per step.
        trust: of the mean squared departure from the proposed actions.
        norm: 1 or 2, the latent distance's norm.
        path: 0 counts the last step only, 1 every step alike.
        near: steps to the goal within which ``trust`` holds as it is; farther away it grows with
            the square of the distance: the straight way to a far goal is not the way. 0: never.
    """

    latent: float = 1.0
    pose: float = 0.0
    closedness: float = 0.0
    steps: float = 0.0
    trust: float = 0.0
    norm: int = 1
    path: float = 0.5
    near: float = 0.0

    def __post_init__(self) -> None:
        if self.norm not in (1, 2):
            raise UserError(f"norm must be 1 or 2, got {self.norm}")


@torch.inference_mode()
def read_goal_pose(
    model: WorldModel, now: Tensor, goal: Tensor, proprio: NDArray[np.float64]
) -> Tensor:
    """Gripper pose (7,) of a goal picture, read relative to the present picture.

    The read-out's error is much the same in two pictures of one scene. Taking the difference of two
    readings and adding it to the pose the robot knows cancels most of it, all the more the closer
    the gripper is to the goal.

    Args:
        model: whose read-out.
        now: (N, D) latents of the present picture.
        goal: (N, D) latents of the goal picture.
        proprio: (7,) achieved pose now.
    """
    here, there = decode_state(model.read_out(torch.stack([now, goal])))
    pose: Tensor = torch.as_tensor(proprio, dtype=torch.float32) + there - here
    # Closedness needs no reference: what matters is open or closed.
    pose[6] = there[6]
    return pose


class LatentGoalCost:
    """Cost of candidate actions from one context towards one goal.

    Args:
        model: the world model.
        context: what was seen last, see ``WorldModel.context``.
        goal: (N, D) latents of the goal picture.
        goal_pose: (7,) gripper pose in the goal picture, see ``read_goal_pose``; None if no term
            needs it.
        config: weights.
        imagine: what actions lead to, in place of ``model.rollout`` (true dynamics, say).
        proposal: (H, 7) actions the goal head proposes; None if no term needs them.
        steps_now: control steps to the goal from here, by the goal head; see ``near``.
        caution: factor of the trust term, see ``worldsim.surprise``.

    Raises:
        ValueError: a term lacks what it needs.
    """

    def __init__(
        self,
        model: WorldModel,
        context: Context,
        goal: Tensor,
        goal_pose: Tensor | None,
        config: CostConfig,
        imagine: Imagine | None = None,
        proposal: Tensor | None = None,
        steps_now: float = 0.0,
        caution: float = 1.0,
    ) -> None:
        if proposal is None and config.trust:
            raise UserError("a trust term needs the proposed actions")
        self.proposal = proposal
        self.model, self.context, self.goal, self.config = model, context, goal, config
        if goal_pose is None and (config.pose or config.closedness):
            raise UserError("a pose or closedness term needs the goal's pose")
        self.goal_pose = goal.new_full((7,), torch.nan) if goal_pose is None else goal_pose
        self.imagine = imagine or model.rollout
        far = max(1.0, steps_now / config.near) if config.near else 1.0
        self.trust = config.trust * far**2 * caution

    @torch.inference_mode()
    def __call__(self, actions: Tensor) -> Tensor:
        """(S, H, 7) actions in [-1, 1] -> (S,) costs."""
        most = max(1, _NUMBERS_AT_ONCE // self.goal.numel())
        costs = torch.cat([self._some(part) for part in actions.split(most)])
        if self.proposal is not None and self.trust:
            departure = (actions - self.proposal).square().mean(dim=(1, 2))
            costs = costs + self.trust * departure
        return costs

    def _some(self, actions: Tensor) -> Tensor:
        """Costs of as many candidates as fit into memory."""
        cfg = self.config
        # bfloat16 is three to five times faster here and moves costs by less than a thousandth.
        with torch.autocast(self.goal.device.type, dtype=torch.bfloat16):
            latents, states = self.imagine(self.context, actions)
        weights = torch.full((latents.shape[1],), cfg.path, device=latents.device)
        weights[-1] = 1.0
        weights = weights / weights.sum()
        cost = torch.zeros(len(actions), device=latents.device)
        if cfg.latent:
            cost = cost + cfg.latent * (self.latent_distance(latents) @ weights)
        if cfg.pose or cfg.closedness:
            cost = cost + self.pose_distance(states) @ weights
        if cfg.steps:
            steps = self.model.steps_to_go(latents[:, -1], self.goal, states[:, -1])
            cost = cost + cfg.steps * steps
        return cost.float()

    def latent_distance(self, latents: Tensor) -> Tensor:
        """(S, H, N, D) -> (S, H) mean absolute or squared distance to the goal."""
        difference = latents.float() - self.goal
        power = difference.abs() if self.config.norm == 1 else difference.square()
        return power.mean(dim=(-2, -1))

    def pose_distance(self, states: Tensor) -> Tensor:
        """(S, H, 7) imagined states -> (S, H) weighted distance to the goal picture's pose."""
        metres = (states[..., :3] - self.goal_pose[:3]).norm(dim=-1)
        yaw = torch.sin(0.5 * (states[..., 5] - self.goal_pose[5])).abs()
        closed = (states[..., 6] - self.goal_pose[6]).abs()
        cost: Tensor = self.config.pose * (metres / 0.05 + yaw) + self.config.closedness * closed
        return cost
