"""What an agent is, in a line for who has never heard its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "world-model": "plans: imagines what actions lead to, and takes the best",
        "servo": "drives the gripper to the pose it reads off the goal picture; imagines nothing",
        "octo-like": "a transformer that learnt to do what demonstrations did",
        "gc-bc": "goal-conditioned behaviour cloning: does what demonstrations did",
        "sac-her": "reinforcement learning: soft actor-critic with hindsight",
        "tqc-her": "reinforcement learning: truncated quantile critics with hindsight",
        "ppo": "reinforcement learning: proximal policy optimisation",
        "sac-latent": "reinforcement learning: soft actor-critic on a world model's latents",
        "expert": "a script that is told where everything is",
        "random": "chance: the floor",
    }
)
"""Name on the command line -> what it is."""
