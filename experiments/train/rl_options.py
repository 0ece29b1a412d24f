"""Options that RL trainings share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class RLTraining:
    """Options of every RL training.

    Attributes:
        task: one of ``envs.TASKS``.
        steps: environment steps; default: by task. A longer run continues a shorter one.
        out: folder for checkpoints, curve and policy; default: runs/ALGORITHM-TASK.
        seed: of networks, exploration and the order of training episodes.
        learning_rate: of Adam.
        gamma: discount.
        batch: transitions per gradient step.
        hidden: widths of actor and critic.
        envs: environments stepped together.
        subprocesses: one process per environment, for machines with many cores.
        eval_every: environment steps between two selections, each followed by a checkpoint.
        eval_seeds: development episodes per selection.
        device: cpu, cuda, ...
        threads: torch threads.
        tracker: none, tensorboard, wandb or trackio: where curves go.
    """

    algorithm: ClassVar[str]
    default_steps: ClassVar[dict[str, int]]

    task: str = "reach"
    steps: int | None = None
    out: str | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    gamma: float = 0.95
    batch: int = 256
    hidden: tuple[int, ...] = (256, 256)
    envs: int = 4
    subprocesses: bool = False
    eval_every: int = 5_000
    eval_seeds: int = 50
    device: str = "cpu"
    threads: int = 1
    tracker: str = "none"


@dataclass(frozen=True)
class HerTraining(RLTraining):
    """Options of trainings with hindsight goals.

    Attributes:
        gradient_steps: per step of all environments together.
        tau: how fast target critics follow.
        goals_per_step: hindsight goals per real one ("future").
    """

    gradient_steps: int = 4
    tau: float = 0.02
    goals_per_step: int = 4


@dataclass(frozen=True)
class StateHerTraining(HerTraining):
    """Options of hindsight trainings on the privileged state.

    Attributes:
        demonstrations: episodes of the expert put into the replay buffer beforehand, rounded up to
            whole rounds of the environments.
    """

    default_steps: ClassVar[dict[str, int]] = {
        "reach": 20_000,
        "grasp": 300_000,
        "pick-place": 500_000,
    }

    hidden: tuple[int, ...] = (128, 128, 128)
    gradient_steps: int = 2
    demonstrations: int = 0


def demonstration_episodes(config: StateHerTraining) -> int:
    """How many episodes of the expert are put into the buffer: whole rounds of all environments."""
    return math.ceil(config.demonstrations / config.envs) * config.envs
