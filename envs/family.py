"""``worldsim/Rearrange-v0``: one id for any number of objects."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.wrappers import TimeLimit

from envs.env import ManipulationEnv
from envs.rearrange import task_name
from envs.tasks import get_task


def make(objects: int = 2, blocked: bool = False, **options: Any) -> gym.Env[Any, Any]:
    """Rearrangement, whose budget depends on the number of objects.

    Args:
        objects: 1 to 4.
        blocked: whether one is to go where another stands; offered for two.
        **options: as of ``envs.make``.

    Raises:
        ValueError: for what is not allowed.
    """
    name = task_name(objects, blocked)
    return TimeLimit(ManipulationEnv(name, **options), get_task(name).budget)
