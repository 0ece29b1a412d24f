"""Train SAC towards goal pictures on the planner's frozen latents (tier B).

    worldsim train sac-latent --task reach --model tiny

The policy sees latents now, latents of the goal picture and the robot's own state, never a
coordinate of goal or object. The environment's sparse reward judges it, on hindsight goals too:
what a later frame achieved becomes the goal, and that frame's latents its picture. Same command
resumes; ``worldsim evaluate --agent sac-latent --model FOLDER`` takes the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from experiments.options.train_rl import HerTraining


@dataclass(frozen=True)
class SacLatentConfig(HerTraining):
    """Options of ``worldsim train sac-latent``.

    Attributes:
        model: world model whose encoder is used as it is: a shipped name or a folder.
        buffer: transitions kept; each holds four pictures' latents (32 kB with "tiny").
    """

    algorithm: ClassVar[str] = "sac-latent"
    default_steps: ClassVar[dict[str, int]] = {
        "reach": 30_000,
        "grasp": 100_000,
        "pick-place": 100_000,
    }

    learning_rate: float = 5e-4
    envs: int = 2
    gradient_steps: int = 2
    model: str = "tiny"
    buffer: int = 30_000
