"""SAC towards a goal picture on the planner's frozen latents: model-free RL with the same eyes.

Tier B: it practised in the environment (``worldsim train sac-latent``), the planner never did.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from agents.base import Tier
from agents.checkpoint import load_agent, training_of, weights_digest
from agents.latent import Array, LatentAgent, find_encoder
from agents.sb3 import make_actor
from envs import EnvSpec
from envs.errors import UserError
from worldsim.states import STATE_SIZE, encode_state

ALGORITHM = "sac-latent"
FILE = "actor.safetensors"
INPUTS = ("latents", "goal latents", "proprio", "commanded closedness")


class LatentFeatures(nn.Module):
    """Latents now, latents of the goal picture and the robot's own state -> features.

    Args:
        dim: width D of a latent token.
        tokens: their number N.
        features: width out.
    """

    def __init__(self, dim: int, tokens: int, features: int = 256) -> None:
        super().__init__()
        self.narrow = nn.Linear(dim, 16)
        self.join = nn.Linear(2 * 16 * tokens + STATE_SIZE + 1, features)
        self.norm = nn.LayerNorm(features)

    def forward(self, now: Tensor, goal: Tensor, state: Tensor) -> Tensor:
        """(B, N, D) twice and (B, 11) -> (B, features)."""
        seen = [torch.relu(self.narrow(latents)).flatten(1) for latents in (now, goal)]
        joined = self.join(torch.cat([*seen, state], dim=1))
        return torch.tanh(self.norm(joined))


def robot_state(proprio: Array, target: Array) -> Tensor:
    """(11,) encoded pose and commanded closedness."""
    pose = encode_state(torch.as_tensor(proprio, dtype=torch.float32))
    return torch.cat([pose, torch.as_tensor(target[6:7], dtype=torch.float32)])


class SacLatentAgent(LatentAgent):
    """A trained actor on frozen latents.

    Args:
        spec: the environment's interface.
        model: folder of weights; default: the shipped ones.
        advance: "arrival" or "schedule".
        device: to compute on.

    Raises:
        ValueError: when there are no such weights, or they are of another algorithm, task, encoder
            or observation.
    """

    tier = Tier.B

    def __init__(
        self,
        spec: EnvSpec,
        model: str | Path | None = None,
        advance: str = "arrival",
        device: str = "cpu",
    ) -> None:
        card, weights = load_agent(ALGORITHM, FILE, model, spec.task)
        if tuple(card["keys"]) != INPUTS:
            raise UserError(
                f"these weights of {ALGORITHM} read {', '.join(card['keys'])}: this agent is given "
                f"{', '.join(INPUTS)}"
            )
        world = find_encoder(card["world_model"], card["encoder"], ALGORITHM)
        self._dims = list(card["action_dims"])
        self._features = LatentFeatures(
            world.encoder.width, world.tokens(len(world.config.cameras))
        )
        self._actor = make_actor(card["inputs"], card["hidden"], len(self._dims))
        both = nn.ModuleDict({"features": self._features, "actor": self._actor})
        try:
            both.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{FILE} of {ALGORITHM} does not fit its config.json") from error
        super().__init__(spec, world, advance, device=device)
        both.to(device).eval()
        used = (world.encoder, world.readout, both)
        self.weights_digest = weights_digest(*used)
        self.training = training_of(card, sum(p.numel() for m in used for p in m.parameters()))

    @torch.inference_mode()
    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """The actor's mean action; what the task does not need stays at zero."""
        state = robot_state(proprio, target).to(self.model.device)
        features = self._features(latent[None].float(), goal[None].float(), state[None])
        action = np.zeros(7)
        action[self._dims] = torch.tanh(self._actor(features))[0].cpu().numpy()
        return action
