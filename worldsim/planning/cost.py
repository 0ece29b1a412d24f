"""The cost of candidate actions: imagine what they lead to, and add up energies of it.

``LatentGoalCost`` closes over a situation; a planner sees only a function from candidate actions
(S, H, A) to costs (S,). What is added up is one file each in ``worldsim.planning.energies``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.context import Context
from worldsim.errors import UserError
from worldsim.planning.energies.energy import Energy, Futures, Situation, is_constraint
from worldsim.planning.energies.latent import Latent
from worldsim.planning.energies.pose import Pose
from worldsim.planning.energies.steps import Steps
from worldsim.planning.energies.trust import Trust
from worldsim.planning.options import CostConfig
from worldsim.states import decode_state
from worldsim.world_model import WorldModel

# Latent numbers imagined at a time: 8,000 candidates of "tiny", 90 of ViT-g.
_NUMBERS_AT_ONCE = 2**25
# A gradient keeps what every layer saw.
_KEPT_BY_A_GRADIENT = 64

Imagine = Callable[[Context, Tensor], tuple[Tensor, Tensor]]
"""Context and actions (S, H, 7) -> latents (S, H, N, D) and states (S, H, 7)."""


def own_energies(config: CostConfig) -> tuple[Energy, ...]:
    """What these weights add up."""
    pose = Pose(config.pose, config.closedness, config.path)
    terms: list[tuple[object, Energy]] = [
        (config.latent, Latent(config.latent, config.norm, config.path)),
        (config.pose or config.closedness, pose),
        (config.steps, Steps(config.steps)),
        (config.trust, Trust(config.trust, config.near)),
    ]
    return tuple(energy for weight, energy in terms if weight)


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
    pose: Tensor = torch.as_tensor(proprio, dtype=torch.float32, device=here.device) + there - here
    # Closedness needs no reference: what matters is open or closed.
    pose[6] = there[6]
    return pose


def read_proposal(
    model: WorldModel, now: Tensor, goal: Tensor, state: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Chunks (B, H, 7) to act on, a flow head's where there is one, and steps to go (B,).

    Args:
        model: whose heads.
        now: (B, N, D) latents of the present picture.
        goal: (B, N, D) latents of the goal picture.
        state: (B, 21), see ``WorldModel.goal_state``.
        rng: of a flow's noise.
    """
    actions, steps = model.goal_head(now, goal, state)
    if model.config.flow:
        own, inputs = model.config, (now, goal, state)
        actions = model.flow_head.sample(inputs, rng, own.guidance, own.draws)
    return actions, steps


def costs_of(energy: Energy, futures: Futures, situation: Situation) -> Tensor:
    """Costs (S,) of one energy, which may be somebody's own.

    Raises:
        UserError: it gives something else.
    """
    found, count = energy(futures, situation), len(futures.actions)
    if not isinstance(found, Tensor) or found.shape != (count,):
        given = tuple(found.shape) if isinstance(found, Tensor) else repr(found)
        raise UserError(
            f"the energy {type(energy).__name__} gives {given}: a tensor of costs, one a future, "
            f"is needed, here ({count},)"
        )
    return found.float()


class LatentGoalCost:
    """Cost of candidate actions from one situation; its gradient, and its constraints apart.

    Args:
        situation: where from and where to. Its latents must not come from inference mode if a
            gradient is wanted.
        energies: to add up.
        imagine: what actions lead to, in place of the model's rollout (true dynamics, say).
    """

    def __init__(
        self, situation: Situation, energies: Sequence[Energy], imagine: Imagine | None = None
    ) -> None:
        self.situation = situation
        self.energies = [energy for energy in energies if not is_constraint(energy)]
        self.constraints = [energy for energy in energies if is_constraint(energy)]
        self.imagine = imagine or situation.model.rollout

    @torch.inference_mode()
    def __call__(self, actions: Tensor) -> Tensor:
        """(S, H, 7) actions in [-1, 1] -> (S,) costs, constraints added like any other energy."""
        costs, violations = self.parts(actions)
        return costs + violations.sum(dim=1) if self.constraints else costs

    @torch.inference_mode()
    def parts(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Costs (S,) without constraints, and what each of C constraints is violated by (S, C)."""
        found = [self._some(part) for part in actions.split(self._at_once)]
        costs, violations = zip(*found, strict=True)
        return torch.cat(costs), torch.cat(violations)

    @torch.inference_mode(False)
    def gradient(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """(S, H, 7) actions -> (S,) costs, constraints added, and their gradient (S, H, 7)."""
        costs, slopes = [], []
        for part in actions.split(max(1, self._at_once // _KEPT_BY_A_GRADIENT)):
            moved = part.detach().clone().requires_grad_()
            with torch.enable_grad():
                one, violations = self._some(moved)
                cost = one + violations.sum(dim=1)
            slopes += torch.autograd.grad(cost.sum(), moved)
            costs.append(cost.detach())
        return torch.cat(costs), torch.cat(slopes)

    @property
    def _at_once(self) -> int:
        """Candidates that fit into memory."""
        return max(1, _NUMBERS_AT_ONCE // self.situation.goal.numel())

    def _some(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Costs and violations of as many candidates as fit into memory, on the model's device."""
        actions = actions.to(self.situation.goal.device)
        # bfloat16 is three to five times faster on processors made for it, and moves costs by less
        # than a thousandth.
        with torch.autocast(actions.device.type, dtype=torch.bfloat16):
            latents, states = self.imagine(self.situation.context, actions)
        futures = Futures(actions, latents, states)
        cost = torch.zeros(len(actions), device=actions.device)
        for energy in self.energies:
            cost = cost + costs_of(energy, futures, self.situation)
        violated = [costs_of(one, futures, self.situation) for one in self.constraints]
        return cost, torch.stack(violated, dim=1) if violated else cost.new_zeros(len(cost), 0)
