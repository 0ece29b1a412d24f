"""Train Stable-Baselines3 agents: SAC with hindsight experience replay.

    worldsim train sac-her --task reach --steps 20000

Hyper-parameters follow rl-zoo's FetchReach (SAC + HER, learning rate 1e-3, gamma .95). The model is
chosen by success on development seeds, never by reward, and ships as safetensors and JSON.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers import FilterObservation, TransformAction
from numpy.typing import NDArray
from safetensors.torch import save_file
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.her import HerReplayBuffer
from tqdm import tqdm

import envs
from agents.sb3 import ACTION_DIMS, KEYS, WEIGHTS
from experiments.versions import versions

DEVELOPMENT_SEEDS = range(100_000, 110_000)


@dataclass(frozen=True)
class SacHerConfig:
    """Options of ``worldsim train sac-her``.

    Attributes:
        task: reach, grasp or pick-place.
        steps: environment steps.
        out: folder for the actor; default: where the shipped weights are.
        seed: of networks, exploration and the order of training episodes.
        learning_rate, gamma, batch, hidden, gradient_steps: of SAC.
        goals_per_step: hindsight goals per real one (HER "future").
        eval_every: steps between selections on development seeds.
        eval_seeds: development episodes per selection.
        threads: torch threads.
    """

    task: str = "reach"
    steps: int = 20_000
    out: str | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    gamma: float = 0.95
    batch: int = 256
    hidden: tuple[int, ...] = (256, 256)
    gradient_steps: int = 1
    goals_per_step: int = 4
    eval_every: int = 2_500
    eval_seeds: int = 50
    threads: int = 1


class TrainingSeeds(gym.Wrapper[Any, Any, Any, Any]):
    """Every reset takes the next training seed: episodes never repeat and are all recorded."""

    def __init__(self, env: gym.Env[Any, Any], seed: int) -> None:
        super().__init__(env)
        self._next = 10_000 * seed % 100_000

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Ignore the given seed in favour of the next training seed."""
        self._next = (self._next + 1) % 100_000
        return self.env.reset(seed=self._next, options=options)


def make_training_env(task: str, seed: int | None) -> gym.Env[Any, Any]:
    """GoalEnv vectors only, actions restricted to the dimensions the task needs."""
    env = FilterObservation(envs.make(task, obs_mode="state"), KEYS)
    dims = list(ACTION_DIMS[task])

    def widen(action: NDArray[np.float32]) -> NDArray[np.float32]:
        full = np.zeros(7, dtype=np.float32)
        full[dims] = action
        return full

    small = TransformAction(env, widen, gym.spaces.Box(-1.0, 1.0, (len(dims),), np.float32))
    return small if seed is None else TrainingSeeds(small, seed)


class SelectBySuccess(BaseCallback):
    """Keep the weights with the highest success on development seeds; write the curve."""

    def __init__(self, config: SacHerConfig, folder: Path) -> None:
        super().__init__()
        self._config, self._folder = config, folder
        self._env = make_training_env(config.task, None)
        self._bar = tqdm(total=config.steps, unit="step", desc=f"sac-her {config.task}")
        self._best, self._curve, self._start = -1.0, list[dict[str, float]](), time.time()

    def _on_step(self) -> bool:
        self._bar.update(self.num_timesteps - self._bar.n)
        if self.num_timesteps % self._config.eval_every == 0:
            success = self.evaluate()
            row = {"steps": self.num_timesteps, "success": success}
            self._curve.append(row | {"seconds": round(time.time() - self._start, 1)})
            self._bar.set_postfix(success=f"{success:.2f}", best=f"{max(self._best, success):.2f}")
            if success >= self._best:
                self._best = success
                assert isinstance(self.model, SAC)
                export(self.model, self._config, self._folder, self._curve)
        return True

    def evaluate(self) -> float:
        """Share of development episodes solved."""
        solved = 0
        for seed in DEVELOPMENT_SEEDS[: self._config.eval_seeds]:
            observation, info = self._env.reset(seed=seed)
            truncated = False
            while not truncated and not info["is_success"]:
                action, _ = self.model.predict(observation, deterministic=True)
                observation, _, _, truncated, info = self._env.step(action)
            solved += bool(info["is_success"])
        return solved / self._config.eval_seeds


def export(model: SAC, config: SacHerConfig, folder: Path, curve: list[dict[str, float]]) -> None:
    """Write the actor's mean network as safetensors and JSON, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    actor = model.policy.actor
    layers = [m for m in actor.latent_pi if isinstance(m, torch.nn.Linear)] + [actor.mu]
    weights = {}
    for index, layer in enumerate(layers):
        # Index of the layer in agents.sb3.make_actor: a ReLU stands between any two.
        weights[f"{2 * index}.weight"] = layer.weight.detach().contiguous()
        weights[f"{2 * index}.bias"] = layer.bias.detach().contiguous()
    save_file(weights, folder / "actor.safetensors.tmp")
    card = {
        "algorithm": "sac-her",
        "task": config.task,
        "inputs": layers[0].in_features,
        "hidden": [layer.out_features for layer in layers[:-1]],
        "action_dims": list(ACTION_DIMS[config.task]),
        "keys": list(KEYS),
        "training": asdict(config),
        "curve": curve,
        "versions": versions(),
    }
    (folder / "config.json.tmp").write_text(json.dumps(card, indent=1) + "\n")
    for name in ("actor.safetensors", "config.json"):
        os.replace(folder / f"{name}.tmp", folder / name)


def main(config: SacHerConfig) -> None:
    """Train and export."""
    if config.task not in envs.TASKS:
        raise ValueError(f"unknown task {config.task!r}: allowed are {', '.join(envs.TASKS)}")
    torch.set_num_threads(config.threads)
    folder = Path(config.out) if config.out else WEIGHTS / "sac-her" / config.task
    model = SAC(
        "MultiInputPolicy",
        make_training_env(config.task, config.seed),
        learning_rate=config.learning_rate,
        gamma=config.gamma,
        batch_size=config.batch,
        gradient_steps=config.gradient_steps,
        learning_starts=1_000,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={
            "n_sampled_goal": config.goals_per_step,
            "goal_selection_strategy": "future",
        },
        policy_kwargs={"net_arch": list(config.hidden)},
        seed=config.seed,
    )
    callback: BaseCallback = SelectBySuccess(config, folder)
    learn: Callable[..., Any] = model.learn
    learn(total_timesteps=config.steps, callback=callback)
