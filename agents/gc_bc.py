"""Goal-conditioned behaviour cloning on the planner's frozen latents: the simplest thing to try.

The policy is trained from scratch on hindsight goals with the encoder frozen (``worldsim train
gc-bc``): a perceptron of the architecture of the world model's goal head
(``worldsim.heads.GoalHead``), or a guided flow (``worldsim.flow.FlowHead``). It executes the first
action of each proposed chunk. Tier C.
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
from worldsim.flow import FlowHead

ALGORITHM = "gc-bc"
FILE = "model.safetensors"


class GcBcAgent(LatentAgent):
    """A trained policy on frozen latents.

    Args:
        spec: the environment's interface.
        model: folder of weights; default: the shipped ones.
        advance: "arrival" or "schedule".
        guidance: of a flow head: 1 clones, more seeks the goal; default: as its card says.
        device: to compute on.
        calibrate: see ``worldsim.calibration``.
        homing: see ``agents.homing``.

    Raises:
        ValueError: when there are no such weights, they are of another algorithm or encoder, or
            guidance is given to a perceptron.
    """

    tier = Tier.C

    def __init__(
        self,
        spec: EnvSpec,
        model: str | Path | None = None,
        advance: str = "arrival",
        guidance: float | None = None,
        device: str = "cpu",
        calibrate: bool | None = None,
        homing: bool | None = None,
    ) -> None:
        card, weights = load_agent(ALGORITHM, FILE, model)
        world = find_encoder(card["world_model"], card["encoder"], ALGORITHM)
        flows = card.get("head", "mlp") == "flow"
        if guidance is not None and not flows:
            raise UserError("guidance is for a flow head: these weights are a perceptron's")
        head = world.new_flow_head(card["pairs"]) if flows else world.new_goal_head()
        try:
            head.load_state_dict({k: v.float() for k, v in weights.items()})
        except RuntimeError as error:
            raise UserError(f"{FILE} does not fit its world model: other layers") from error
        super().__init__(spec, world, advance, device=device, calibrate=calibrate, homing=homing)
        self._head = head.to(device).eval()
        self._guidance = float(card["guidance"] if flows and guidance is None else guidance or 0.0)
        self._draws = int(card["draws"]) if flows else 1
        used = (world.encoder, world.readout, self._head)
        self.weights_digest = weights_digest(*used)
        self.training = training_of(card, sum(p.numel() for m in used for p in m.parameters()))

    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """First action of the proposed chunk."""
        first: Array = self.chunk(latent, goal, proprio, target, self._rng)[0]
        return first

    @torch.inference_mode()
    def chunk(
        self,
        latent: Tensor,
        goal: Tensor,
        proprio: Array,
        target: Array,
        rng: np.random.Generator,
    ) -> Array:
        """Proposed actions (H, 7): ``policy`` takes the first; a flow's noise is ``rng``'s."""
        device = self.model.device
        pose = torch.as_tensor(proprio[None], dtype=torch.float32, device=device)
        closedness = torch.as_tensor(target[6:7], dtype=torch.float32, device=device)
        now, then = latent[None], goal[None]
        state = self.model.goal_state(now, then, pose, closedness)
        if isinstance(self._head, FlowHead):
            chunk = self._head.sample((now, then, state), rng, self._guidance, self._draws)
        else:
            chunk, _ = self._head(now, then, state)
        actions: Array = chunk[0].cpu().double().numpy()
        return actions
