"""Goal-conditioned behaviour cloning on the planner's frozen latents: the simplest thing to try.

The policy is the architecture of the world model's goal head (``worldsim.heads.GoalHead``), trained
from scratch on hindsight goals with the encoder frozen (``worldsim train gc-bc``). It executes the
first action of each proposed chunk. Tier C.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from agents.base import Tier
from agents.checkpoint import load_agent, training_of, weights_digest
from agents.latent import Array, LatentAgent, find_encoder
from envs import EnvSpec
from envs.errors import UserError

ALGORITHM = "gc-bc"
FILE = "model.safetensors"


class GcBcAgent(LatentAgent):
    """A trained policy on frozen latents.

    Args:
        spec: the environment's interface.
        model: folder of weights; default: the shipped ones.
        advance: "arrival" or "schedule".

    Raises:
        ValueError: when there are no such weights, or they are of another algorithm or encoder.
    """

    tier = Tier.C

    def __init__(
        self, spec: EnvSpec, model: str | Path | None = None, advance: str = "arrival"
    ) -> None:
        card, weights = load_agent(ALGORITHM, FILE, model)
        world = find_encoder(card["world_model"], card["encoder"], ALGORITHM)
        world.goal_head = world.new_goal_head()
        try:
            world.goal_head.load_state_dict({k: v.float() for k, v in weights.items()})
        except RuntimeError as error:
            raise UserError(f"{FILE} does not fit its world model: other layers") from error
        super().__init__(spec, world, advance)
        used = (world.encoder, world.readout, world.goal_head)
        self.weights_digest = weights_digest(*used)
        self.training = training_of(card, sum(p.numel() for m in used for p in m.parameters()))

    @torch.inference_mode()
    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """First action of the proposed chunk."""
        chunk, _ = self.model.propose(
            latent[None],
            goal[None],
            torch.as_tensor(proprio[None], dtype=torch.float32),
            torch.as_tensor(target[6:7], dtype=torch.float32),
        )
        return np.asarray(chunk[0, 0].double().numpy())
