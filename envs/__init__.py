"""Gymnasium-wrapped MuJoCo manipulation scenes: reach, grasp, pick-and-place, push.

Importing this package registers the ids of ``TASKS`` and loads neither a GL context nor MuJoCo;
``gymnasium.make("envs:worldsim/Reach-v0")`` imports it by itself.
"""

from __future__ import annotations

from typing import Any

from envs.backend import requested_backend
from envs.spec import CAMERAS, EnvSpec
from envs.tasks import BUDGETS, TASKS, find_task, get_task, register, register_task

__all__ = [
    "BUDGETS",
    "CAMERAS",
    "TASKS",
    "EnvSpec",
    "find_task",
    "get_task",
    "make",
    "register",
    "register_task",
]


def make(task: str, **options: Any) -> Any:
    """The environment of a task.

    Args:
        task: command-line name: ours ("reach", "grasp", ...), one of ``envs.tasks.FOREIGN``
            ("robosuite/Lift", ...) or ``package.module:NAME`` of anybody's ``SimTask``.
        **options: see ``envs.env.ManipulationEnv``; other people's environments take ``cameras``,
            ``image_size``, ``obs_mode`` and ``variation``.

    Returns:
        A ``gymnasium.Env`` of ours, or another ``envs.sim_env.SimEnv``.

    Raises:
        ValueError: for an unknown task or option, or a ``MUJOCO_GL`` that is not offered, naming
            what is allowed.
    """
    requested_backend()
    return find_task(task).make(**options)


register()
