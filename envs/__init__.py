"""Gymnasium-wrapped MuJoCo manipulation scenes: reach, grasp, pick-and-place, push.

Importing this package registers the ids of ``TASKS`` and loads neither a GL context nor MuJoCo;
``gymnasium.make("envs:worldsim/Reach-v0")`` imports it by itself.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from envs.backend import requested_backend
from envs.spec import CAMERAS, EnvSpec
from envs.tasks import BUDGETS, TASKS, get_task, register, register_task

__all__ = [
    "BUDGETS",
    "CAMERAS",
    "TASKS",
    "EnvSpec",
    "get_task",
    "make",
    "register",
    "register_task",
]


def make(task: str, **options: Any) -> gym.Env[Any, Any]:
    """The environment of a task ("reach", "grasp", "pick-place", "push").

    Args:
        task: command-line name of the task.
        **options: see ``envs.env.ManipulationEnv``.

    Raises:
        ValueError: for an unknown task or option, or a ``MUJOCO_GL`` that is not offered, naming
            what is allowed.
    """
    requested_backend()
    return gym.make(get_task(task).id, **options)


register()
