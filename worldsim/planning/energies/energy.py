"""What an energy is: imagined futures to costs. Energies add up; one of your own is ten lines.

    class StayHigh:
        def __call__(self, futures, situation):
            return (0.1 - futures.states[..., 2]).clamp(min=0).sum(dim=1)  # (S, H, 7) -> (S,)

Numbers are made by PyTorch, so that gradient planners see through them. An energy with
``constraint = True`` returns a violation, zero where all is well: the lagrangian planner then looks
for futures without any, for other planners it is a cost like the others.

Shapes: S candidates, H horizon in control steps, N tokens, D latent width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from worldsim.context import Context
from worldsim.world_model import WorldModel


@dataclass(frozen=True)
class Futures:
    """What candidate actions are imagined to lead to.

    Attributes:
        actions: (S, H, 7) in [-1, 1].
        latents: (S, H, N, D) after each action.
        states: (S, H, 7) gripper poses after each action: metres, radians, closedness.
    """

    actions: Tensor
    latents: Tensor
    states: Tensor


@dataclass(frozen=True)
class Situation:
    """What a plan starts from and what it is to bring about.

    Attributes:
        model: that imagines.
        context: what was seen last.
        goal: (N, D) latents of the goal picture.
        goal_pose: (7,) gripper pose in the goal picture, see ``read_goal_pose``; None: not read.
        proposal: (H, 7) actions the goal head proposes; None: nothing was proposed.
        steps_to_go: control steps to the goal from here, by the goal head.
        caution: factor of trust in the proposal, see ``worldsim.surprise``.
    """

    model: WorldModel
    context: Context
    goal: Tensor
    goal_pose: Tensor | None = None
    proposal: Tensor | None = None
    steps_to_go: float = 0.0
    caution: float = 1.0


class Energy(Protocol):
    """Anything that gives each future a cost."""

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,) of S futures."""
        ...


def is_constraint(energy: Energy) -> bool:
    """Whether an energy is a violation rather than a preference."""
    return bool(getattr(energy, "constraint", False))


def along(path: float, futures: Futures) -> Tensor:
    """Weights (H,) of a sum over the path, 1 in all.

    Args:
        path: share of an earlier step beside the last one's: 0 counts the last step only, 1 every
            step alike.
        futures: of that horizon.
    """
    horizon = futures.states.shape[1]
    weights = torch.full((horizon,), path, device=futures.states.device)
    weights[-1] = 1.0
    return weights / weights.sum()


def way(futures: Futures, situation: Situation, points: int = 4) -> Tensor:
    """Places (S, H * points, 3) of the gripper on its way from here through every state, metres."""
    ends = futures.states[..., :3]
    here = torch.as_tensor(situation.context.proprio[-1, :3], dtype=ends.dtype, device=ends.device)
    starts = torch.cat([here.expand(len(ends), 1, 3), ends[:, :-1]], dim=1)
    shares = torch.arange(1, points + 1, dtype=ends.dtype, device=ends.device)[:, None] / points
    return (starts[:, :, None] + shares * (ends - starts)[:, :, None]).flatten(1, 2)
