"""Stable-Baselines3 on the privileged state: SAC or TQC with hindsight, PPO.

Options and help: ``experiments.options.train_rl``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import TQC
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv
from stable_baselines3.her import HerReplayBuffer
from torch import Tensor, nn
from tqdm import tqdm

import envs
from agents.checkpoint import save_agent
from agents.sb3 import FILE, KEYS, normalise
from envs.spec import check_choice
from experiments.options.train_rl import (
    HerTraining,
    PpoConfig,
    RLTraining,
    StateHerTraining,
)
from experiments.runs.seeds import RANGES
from experiments.train.rl_env import TrainingEnv, check_hindsight, solve, start_statistics
from experiments.train.rl_run import Curve, Supervisor, train
from experiments.train.trainings import card_of, check_options, claim, gives_back
from worldsim.training.run import TrainingRun


class Normalised(BaseFeaturesExtractor):
    """The observation's vectors in the order of their keys, normalised by fixed statistics."""

    mean: Tensor
    std: Tensor

    def __init__(self, observation_space: spaces.Dict, mean: Any, std: Any) -> None:
        super().__init__(observation_space, len(mean))
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("std", torch.as_tensor(std))

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Key -> (B, n) vectors, as (B, sum of n)."""
        return normalise(torch.cat([observations[k] for k in KEYS], dim=1), self.mean, self.std)


def make_envs(config: RLTraining, env: type[TrainingEnv] = TrainingEnv, **options: Any) -> VecEnv:
    """The environments a run practises in, each with its own share of the training seeds."""
    makers: list[Callable[[], gym.Env[Any, Any]]] = [
        partial(env, config.task, config.seed, (i, config.envs), **options)
        for i in range(config.envs)
    ]
    if config.subprocesses:
        return SubprocVecEnv(makers, start_method="spawn")
    return DummyVecEnv(makers)


def demonstration_episodes(config: StateHerTraining) -> int:
    """How many episodes of the expert are put into the buffer: whole rounds of all environments."""
    return math.ceil(config.demonstrations / config.envs) * config.envs


def her_options(config: HerTraining, steps: int) -> dict[str, Any]:
    """What SAC and TQC share."""
    shown = demonstration_episodes(config) if isinstance(config, StateHerTraining) else 0
    episodes = shown + config.envs
    kept = steps + episodes * envs.BUDGETS[config.task]
    return {
        "learning_rate": config.learning_rate,
        "gamma": config.gamma,
        "tau": config.tau,
        "batch_size": config.batch,
        "gradient_steps": config.gradient_steps,
        "learning_starts": max(1_000, 2 * config.envs * envs.BUDGETS[config.task]),
        "buffer_size": min(kept, 1_000_000),
        "replay_buffer_class": HerReplayBuffer,
        "replay_buffer_kwargs": {
            "n_sampled_goal": config.goals_per_step,
            "goal_selection_strategy": "future",
        },
        "seed": config.seed,
        "device": config.device,
    }


def build(config: RLTraining, steps: int) -> BaseAlgorithm:
    """The untrained algorithm with its environments."""
    mean, std = start_statistics(config.task)
    policy = {
        "net_arch": list(config.hidden),
        "features_extractor_class": Normalised,
        "features_extractor_kwargs": {"mean": mean, "std": std},
    }
    if isinstance(config, StateHerTraining):
        check_hindsight(config.task)
        kind = {"sac-her": SAC, "tqc-her": TQC}[config.algorithm]
        options = her_options(config, steps)
        algorithm: OffPolicyAlgorithm = kind(
            "MultiInputPolicy", make_envs(config), policy_kwargs=policy, **options
        )
        return algorithm
    assert isinstance(config, PpoConfig)
    return PPO(
        "MultiInputPolicy",
        # Values of order one: the critic's gradient then leaves room for the actor's.
        make_envs(config, reward="dense", reward_scale=1.0 - config.gamma),
        learning_rate=config.learning_rate,
        gamma=config.gamma,
        batch_size=config.batch,
        n_steps=config.rollout,
        n_epochs=config.epochs,
        ent_coef=config.entropy,
        policy_kwargs=policy | {"activation_fn": nn.Tanh, "log_std_init": -0.5},
        seed=config.seed,
        device=config.device,
    )


def demonstrate(model: OffPolicyAlgorithm, task: str, episodes: int) -> tuple[int, float]:
    """Put episodes of the expert into the replay buffer, in whole rounds of all environments.

    Returns:
        Transitions stored, and the share of the episodes that were solved.
    """
    assert model.env is not None
    assert model.replay_buffer is not None
    count, dims = model.env.num_envs, list(envs.TASKS[task].action_dims)
    last: Any = model.env.reset()  # observations by key, each (count, ...)
    model._last_obs = last
    transitions, solved = 0, 0
    for _ in tqdm(range(episodes // count), desc="demonstrations"):
        experts = [envs.TASKS[task].expert() for _ in range(count)]
        done = np.zeros(count, dtype=bool)
        success = np.zeros(count, dtype=bool)
        while not done.all():
            last = model._last_obs
            views = [{key: values[i] for key, values in last.items()} for i in range(count)]
            actions = np.stack([e.act(v)[dims] for e, v in zip(experts, views, strict=True)])
            actions = np.clip(actions, -1.0, 1.0).astype(np.float32)
            seen: Any
            seen, rewards, done, infos = model.env.step(actions)
            model._store_transition(
                model.replay_buffer,
                actions,
                seen,
                rewards,
                done,
                infos,
            )
            success |= [info["is_success"] for info in infos]
            transitions += count
        solved += int(success.sum())
    model._last_obs = None  # the agent's own first episode starts afresh
    return transitions, solved / episodes


def development_success(config: RLTraining, model: BaseAlgorithm, env: TrainingEnv) -> float:
    """Share of development episodes solved without exploration."""

    def act(observation: Any) -> Any:
        return model.predict(observation, deterministic=True)[0]

    seeds = RANGES["development"][: config.eval_seeds]
    return sum(solve(env, seed, act) for seed in seeds) / len(seeds)


def actor_layers(model: BaseAlgorithm) -> list[nn.Linear]:
    """The linear layers from features to the mean action."""
    policy: Any = model.policy
    if isinstance(model, PPO):
        parts = [*policy.mlp_extractor.policy_net, policy.action_net]
    else:
        parts = [*policy.actor.latent_pi, policy.actor.mu]
    return [part for part in parts if isinstance(part, nn.Linear)]


def export(
    model: BaseAlgorithm, config: RLTraining, run: TrainingRun, curve: Curve, facts: dict[str, Any]
) -> None:
    """Write the actor's mean network and its normalisation."""
    layers = actor_layers(model)
    policy: Any = model.policy
    extractor = policy.features_extractor
    if extractor is None:  # SAC gives each network its own
        extractor = policy.actor.features_extractor
    tensors = {"mean": extractor.mean, "std": extractor.std}
    for index, layer in enumerate(layers):
        # Index of the layer in agents.sb3.make_actor: an activation stands between any two.
        tensors |= {f"{2 * index}.weight": layer.weight, f"{2 * index}.bias": layer.bias}
    card = {
        **run_card(config, run, curve, facts),
        "inputs": layers[0].in_features,
        "hidden": [layer.out_features for layer in layers[:-1]],
        "activation": "tanh" if isinstance(model, PPO) else "relu",
        "squash": not isinstance(model, PPO),
        "normalised": True,
        "keys": list(KEYS),
        "parameters": sum(layer.weight.numel() + layer.bias.numel() for layer in layers),
    }
    save_agent(run.folder, card, tensors, FILE)


def run_card(
    config: RLTraining, run: TrainingRun, curve: Curve, facts: dict[str, Any]
) -> dict[str, Any]:
    """What any RL policy's card says about how it came to be.

    Steps and minutes are those until this policy was chosen; the curve shows what came after.
    """
    demonstrations = facts.get("demonstrations", 0)
    variant = f"with {demonstrations} demonstrations" if demonstrations else "pure"
    about = {
        "variant": variant,
        "task": config.task,
        "action_dims": list(envs.TASKS[config.task].action_dims),
        "environment_steps": curve[-1]["steps"],
        **facts,
        "curve": curve,
    }
    return card_of(config.algorithm, config, run, about)


def begin(config: RLTraining, facts: dict[str, Any] | None = None) -> tuple[int, TrainingRun]:
    """Steps of a training, and its folder claimed.

    Args:
        config: its options.
        facts: what else decides the result.

    Raises:
        UserError: saying what is wrong with its options, or what differs from the run there.
    """
    check_choice("task", config.task, tuple(envs.TASKS))
    usual = config.default_steps.get(config.task, max(config.default_steps.values()))
    steps = usual if config.steps is None else config.steps
    folder = Path(config.out or f"runs/{config.algorithm}-{config.task}")
    # A longer run continues a shorter one: no rate or schedule depends on the end.
    return steps, claim(config.algorithm, config, folder, facts or {}, free=("steps",))


@gives_back
def main(config: RLTraining) -> None:
    """Train, choose, write."""
    check_options(config)
    steps, run = begin(config)
    model, env = build(config, steps), TrainingEnv(config.task)
    facts: dict[str, Any] = {}

    def prepare() -> None:
        if isinstance(config, StateHerTraining) and config.demonstrations:
            assert isinstance(model, OffPolicyAlgorithm)
            episodes = demonstration_episodes(config)
            stored, solved = demonstrate(model, config.task, episodes)
            facts.update(demonstration_transitions=stored, demonstrations_solved=round(solved, 3))

    if isinstance(config, StateHerTraining):
        facts["demonstrations"] = demonstration_episodes(config)
    supervisor = Supervisor(
        run,
        f"{config.algorithm} {config.task}",
        steps,
        config.eval_every,
        lambda trained: development_success(config, trained, env),
        lambda trained, curve: export(trained, config, run, curve, facts),
        facts,
    )
    train(model, supervisor, steps, run, prepare)
