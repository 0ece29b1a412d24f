"""SAC towards goal pictures on frozen latents.

Options and help: ``experiments.options.train_sac_latent``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

import envs
from agents.checkpoint import save_agent
from agents.sac_latent import ALGORITHM, FILE, INPUTS, LatentFeatures, robot_state
from envs.goals import expert_looks
from experiments.options.train_sac_latent import SacLatentConfig
from experiments.train.rl import (
    actor_layers,
    begin,
    development_success,
    her_options,
    make_envs,
    run_card,
)
from experiments.train.rl_env import TrainingEnv
from experiments.train.rl_run import Curve, Supervisor, train
from experiments.train.trainings import check_options, gives_back
from worldsim import load_world_model
from worldsim.encoders import encoder_digest
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel


@lru_cache(maxsize=1)
def frozen(name: str) -> WorldModel:
    """A world model, loaded once a process."""
    return load_world_model(name)


class LatentTrainingEnv(TrainingEnv):
    """The same practice, seen through the planner's encoder.

    A goal is the latents of a picture followed by the coordinates it stands for; the coordinates
    are there for the reward alone, and ``Features`` drops them.
    """

    def __init__(
        self, task: str, seed: int = 0, share: tuple[int, int] = (0, 1), model: str = "tiny"
    ) -> None:
        self._model = frozen(model)
        cameras = self._model.config.cameras
        self._aim = envs.make(task, cameras=cameras, obs_mode="state").unwrapped
        self._goal = np.zeros(0, dtype=np.float16)
        super().__init__(task, seed, share, obs_mode="all", cameras=cameras)

    def make_space(self) -> spaces.Dict:
        """Latents of a picture and goal coordinates, twice; the robot's own state."""
        latents = self._model.tokens(len(self._model.config.cameras))
        size = latents * self._model.encoder.width + self.base.task_spec.goal_size
        goal = spaces.Box(-np.inf, np.inf, (size,), np.float16)
        state = spaces.Box(-np.inf, np.inf, (11,), np.float32)
        return spaces.Dict({"achieved_goal": goal, "desired_goal": goal, "observation": state})

    def start(self, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start on an episode seed, with the goal picture the expert makes there.

        Where the expert fails there is none, and the present picture stands in for it.
        """
        raw, info = self.base.reset(seed=seed)
        self._aim.reset(seed=seed)
        shots = expert_looks(self._aim, "final", self._photograph)
        images = self._images(raw) if shots is None else next(iter(shots.values()))
        self._goal = self._picture(images, raw["desired_goal"])
        self._steps = 0
        return self.observe(raw), info

    def observe(self, observation: dict[str, Any]) -> dict[str, Any]:
        """Latents and the robot's own state."""
        seen = self._picture(self._images(observation), observation["achieved_goal"])
        state = robot_state(observation["proprio"], observation["target"]).numpy()
        return {"achieved_goal": seen, "desired_goal": self._goal, "observation": state}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """The sparse reward, from the coordinates behind the latents."""
        size = self.base.task_spec.goal_size
        there, wanted = (
            np.asarray(g)[..., -size:].astype(float) for g in (achieved_goal, desired_goal)
        )
        return self.base.sparse_reward(there, wanted, info)

    def checkpoint(self) -> dict[str, Any]:
        """See ``TrainingEnv``."""
        return super().checkpoint() | {"goal": self._goal}

    def restore(self, state: dict[str, Any]) -> None:
        """See ``TrainingEnv``."""
        super().restore(state)
        self._goal = state["goal"]

    def _photograph(self) -> dict[str, NDArray[np.uint8]]:
        return {camera: self._aim.picture(camera) for camera in self._model.config.cameras}

    def _images(self, observation: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
        return {c: observation[f"image_{c}"] for c in self._model.config.cameras}

    @torch.inference_mode()
    def _picture(self, images: dict[str, Any], coordinates: NDArray[Any]) -> NDArray[np.float16]:
        """(N D + G,) latents of pictures, and the coordinates they stand for."""
        latents = self._model.encode({c: image[None] for c, image in images.items()})
        both = np.concatenate([latents.flatten().numpy(), coordinates])
        found: NDArray[np.float16] = both.astype(np.float16)
        return found


class Features(BaseFeaturesExtractor):
    """``LatentFeatures`` behind Stable-Baselines3's interface."""

    def __init__(self, observation_space: spaces.Dict, dim: int, tokens: int) -> None:
        super().__init__(observation_space, 256)
        self.shape = (tokens, dim)
        self.inner = LatentFeatures(dim, tokens, 256)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """See ``LatentFeatures``; coordinates are cut off."""
        size = self.shape[0] * self.shape[1]
        now, goal = (
            observations[key][:, :size].float().unflatten(1, self.shape)
            for key in ("achieved_goal", "desired_goal")
        )
        features: Tensor = self.inner(now, goal, observations["observation"])
        return features


def build(config: SacLatentConfig, steps: int) -> SAC:
    """The untrained algorithm with its environments."""
    model = frozen(config.model)
    sizes = {
        "dim": model.encoder.width,
        "tokens": model.tokens(len(model.config.cameras)),
    }
    options = her_options(config, steps)
    options["buffer_size"] = min(options["buffer_size"], config.buffer)
    return SAC(
        "MultiInputPolicy",
        make_envs(config, LatentTrainingEnv, model=config.model),
        policy_kwargs={
            "net_arch": list(config.hidden),
            "features_extractor_class": Features,
            "features_extractor_kwargs": sizes,
        },
        **options,
    )


def export(
    model: BaseAlgorithm,
    config: SacLatentConfig,
    run: TrainingRun,
    curve: Curve,
    facts: dict[str, Any],
) -> None:
    """Write features and actor."""
    layers = actor_layers(model)
    policy: Any = model.policy
    inner = policy.actor.features_extractor.inner
    tensors = {f"features.{name}": tensor for name, tensor in inner.state_dict().items()}
    for index, layer in enumerate(layers):
        names = {"weight": layer.weight, "bias": layer.bias}
        tensors |= {f"actor.{2 * index}.{name}": tensor for name, tensor in names.items()}
    card = {
        **run_card(config, run, curve, facts),
        "keys": list(INPUTS),
        "inputs": layers[0].in_features,
        "hidden": [layer.out_features for layer in layers[:-1]],
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
    }
    save_agent(run.folder, card, tensors, FILE)


@gives_back
def main(config: SacLatentConfig) -> None:
    """Train, choose, write."""
    check_options(config)
    encoder = {"encoder": encoder_digest(frozen(config.model).encoder)}
    facts = {"world_model": config.model, **encoder}
    steps, run = begin(config, encoder)
    model = build(config, steps)
    env = LatentTrainingEnv(config.task, model=config.model)
    supervisor = Supervisor(
        run,
        f"{ALGORITHM} {config.task}",
        steps,
        config.eval_every,
        lambda trained: development_success(config, trained, env),
        lambda trained, curve: export(trained, config, run, curve, facts),
        facts,
    )
    train(model, supervisor, steps, run)
