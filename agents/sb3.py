"""Stable-Baselines3 actors without Stable-Baselines3: the shipped networks, run by hand.

Training (``experiments/train/rl.py``) uses SB3; what ships is the actor alone, as safetensors and
JSON, no pickles. Tier A: these agents see the privileged state, goal coordinates included.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.base import EpisodeAgent, Tier
from agents.checkpoint import load_agent, training_of, weights_digest
from agents.threads import one_thread
from envs import EnvSpec
from envs.errors import UserError
from envs.goals import GoalSequence
from worldsim.devices import check_device

FILE = "actor.safetensors"
# SB3's CombinedExtractor concatenates a Dict observation in the order of its sorted keys.
KEYS = ("achieved_goal", "desired_goal", "observation")
# Normalised inputs are clipped to this.
LARGEST_INPUT = 10.0
_STATISTICS = ("mean", "std")


def normalise(inputs: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """What actors and critics see of raw inputs (..., n)."""
    return ((inputs - mean) / std).clamp(-LARGEST_INPUT, LARGEST_INPUT)


class SB3Agent(EpisodeAgent):
    """A trained actor: deterministic action from the privileged state.

    Args:
        spec: the environment's interface.
        algorithm: "sac-her", "tqc-her" or "ppo".
        model: where ``actor.safetensors`` and ``config.json`` are; default: the shipped ones.
        device: to compute on.

    Raises:
        ValueError: when there are no such weights, or they are of another algorithm, task or
            observation, or lack their normalisation statistics; no such device.
    """

    observation_keys = KEYS
    tier = Tier.A

    def __init__(
        self,
        spec: EnvSpec,
        algorithm: str,
        model: str | Path | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(spec)
        check_device(device)
        card, weights = load_agent(algorithm, FILE, model, spec.task)
        if tuple(card.get("keys", KEYS)) != KEYS:
            raise UserError(
                f"these weights of {algorithm} read {', '.join(card['keys'])}: this agent is given "
                f"{', '.join(KEYS)}"
            )
        self.weights_digest = weights_digest(weights)
        self._mean, self._std = torch.zeros(1, device=device), torch.ones(1, device=device)
        if card.get("normalised"):
            missing = [name for name in _STATISTICS if name not in weights]
            if missing:
                raise UserError(
                    f"these weights of {algorithm} lack the normalisation statistics "
                    f"{', '.join(missing)}"
                )
            self._mean, self._std = (weights.pop(name).to(device) for name in _STATISTICS)
        self._dims = list(card["action_dims"])
        self._squash = card.get("squash", True)
        self._inputs = int(card["inputs"])
        self._actor = make_actor(
            self._inputs, card["hidden"], len(self._dims), card.get("activation", "relu")
        )
        try:
            self._actor.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{FILE} of {algorithm} does not fit its config.json") from error
        self._actor.to(device).eval()
        self.training = training_of(card, sum(p.numel() for p in self._actor.parameters()))

    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Nothing to remember: the policy is a function of the observation."""

    @one_thread()
    @torch.inference_mode()
    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """(7,) in [-1, 1]."""
        try:
            vector = np.concatenate([np.asarray(observation[k], dtype=np.float32) for k in KEYS])
        except (TypeError, ValueError) as error:
            raise UserError(f"{' and '.join(KEYS)} are to be vectors of numbers") from error
        if vector.shape != (self._inputs,):
            raise UserError(
                f"an observation of {vector.size} numbers given: these weights read {self._inputs}"
            )
        inputs = torch.from_numpy(vector).to(self._mean.device)
        out = self._actor(normalise(inputs, self._mean, self._std))
        action = np.zeros(7)
        action[self._dims] = (torch.tanh(out) if self._squash else out.clamp(-1, 1)).cpu().numpy()
        return action


def make_actor(
    inputs: int, hidden: list[int], outputs: int, activation: str = "relu"
) -> nn.Sequential:
    """The mean of SB3's Gaussian actor, before squashing.

    Args:
        inputs: numbers in.
        hidden: widths between.
        outputs: numbers out.
        activation: "relu" (SAC, TQC) or "tanh" (PPO).
    """
    kind = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), kind()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))
