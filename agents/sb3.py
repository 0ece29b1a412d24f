"""Stable-Baselines3 actors without Stable-Baselines3: the shipped networks, run by hand.

Training (``experiments/train_rl.py``) uses SB3; what ships is the actor alone, as safetensors and
JSON, no pickles. Tier A: these agents see the privileged state, goal coordinates included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from agents.base import Tier
from envs import EnvSpec
from envs.goals import GoalSequence

WEIGHTS = Path(__file__).parent / "weights"
# Dimensions of the action a task needs; the others are held at zero in training and in use.
ACTION_DIMS: dict[str, tuple[int, ...]] = {
    "reach": (0, 1, 2),
    "grasp": (0, 1, 2, 5, 6),
    "pick-place": (0, 1, 2, 5, 6),
}
# SB3's CombinedExtractor concatenates a Dict observation in the order of its sorted keys.
KEYS = ("achieved_goal", "desired_goal", "observation")


class SB3Agent:
    """A trained actor: deterministic action from the privileged state.

    Args:
        spec: the environment's interface.
        algorithm: "sac-her", ...
        folder: where ``actor.safetensors`` and ``config.json`` are; default: the shipped ones.

    Raises:
        ValueError: when there are no such weights, or they are of another task or size.
    """

    observation_keys = KEYS
    tier = Tier.A

    def __init__(self, spec: EnvSpec, algorithm: str, folder: str | Path | None = None) -> None:
        root = Path(folder) if folder else WEIGHTS / algorithm / spec.task
        if not (root / "config.json").exists():
            raise ValueError(
                f"no {algorithm} weights for {spec.task} in {root.name!r}: train them with "
                f"'worldsim train {algorithm} --task {spec.task}', or give a folder"
            )
        config = json.loads((root / "config.json").read_text())
        for key, expected in (("task", spec.task), ("algorithm", algorithm)):
            if config.get(key) != expected:
                raise ValueError(
                    f"{root.name} holds {config.get('algorithm')} weights for "
                    f"{config.get('task')}: {algorithm} for {spec.task} is needed"
                )
        self._dims = list(config["action_dims"])
        self._actor = make_actor(config["inputs"], config["hidden"], len(self._dims))
        try:
            self._actor.load_state_dict(load_file(root / "actor.safetensors"))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ValueError(f"{root / 'actor.safetensors'} is damaged: {error}") from error
        self._actor.eval()

    def reset(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Nothing to remember: the policy is a function of the observation."""

    @torch.inference_mode()
    def act(self, observation: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """(7,) in [-1, 1]."""
        vector = np.concatenate([np.asarray(observation[k], dtype=np.float32) for k in KEYS])
        action = np.zeros(7)
        action[self._dims] = torch.tanh(self._actor(torch.from_numpy(vector))).numpy()
        return action


def make_actor(inputs: int, hidden: list[int], outputs: int) -> nn.Sequential:
    """The mean of SB3's squashed Gaussian actor, before tanh."""
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))
