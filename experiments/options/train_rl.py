"""Train Stable-Baselines3 agents on the privileged state: SAC or TQC with hindsight, PPO.

    worldsim train sac-her --task reach
    worldsim train tqc-her --task pick-place --demonstrations 200
    worldsim train ppo --task reach

Hyper-parameters start from rl-zoo's (FetchReach, FetchPickAndPlace). SAC and TQC learn from the
sparse reward with hindsight goals (arXiv 1707.01495), PPO from the dense one. Actions a task does
not need are held at zero. The policy is chosen by success on development seeds, never by reward,
and written as safetensors and JSON. The same command resumes, to the bit.

With ``--demonstrations`` the scripted expert's episodes lie in the replay buffer beside the
agent's own; that is another variant, and its card says so.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class SacHerConfig(StateHerTraining):
    """Options of ``worldsim train sac-her``."""

    algorithm: ClassVar[str] = "sac-her"


@dataclass(frozen=True)
class TqcHerConfig(StateHerTraining):
    """Options of ``worldsim train tqc-her``."""

    algorithm: ClassVar[str] = "tqc-her"


@dataclass(frozen=True)
class PpoConfig(RLTraining):
    """Options of ``worldsim train ppo``.

    Attributes:
        rollout: steps of each environment between two updates.
        epochs: passes over each rollout.
        entropy: weight of the entropy bonus.
    """

    algorithm: ClassVar[str] = "ppo"
    default_steps: ClassVar[dict[str, int]] = {
        "reach": 400_000,
        "grasp": 1_000_000,
        "pick-place": 2_000_000,
    }

    learning_rate: float = 3e-4
    envs: int = 16
    eval_every: int = 20_000
    rollout: int = 128
    epochs: int = 10
    entropy: float = 0.0
