"""Gymnasium-wrapped MuJoCo manipulation scenes: reach, grasp, pick-and-place.

Importing this package registers the ids of ``TASKS`` and loads neither a GL context nor MuJoCo's
Python-heavy neighbours; ``gymnasium.make("envs:worldsim/Reach-v0")`` imports it by itself.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from envs.spec import BUDGETS, CAMERAS, TASKS, EnvSpec, check_choice

__all__ = ["BUDGETS", "CAMERAS", "TASKS", "EnvSpec", "make", "register"]

_ENTRY_POINTS = {
    "reach": "envs.reach:ReachEnv",
    "grasp": "envs.grasp:GraspEnv",
    "pick-place": "envs.pick_place:PickPlaceEnv",
}


def register() -> None:
    """Register every task with Gymnasium (once)."""
    for task, env_id in TASKS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry_point=_ENTRY_POINTS[task], max_episode_steps=BUDGETS[task])


def make(task: str, **options: Any) -> gym.Env[Any, Any]:
    """The environment of a task ("reach", "grasp", "pick-place").

    Args:
        task: command-line name of the task.
        **options: see ``envs.base.ManipulationEnv``.

    Raises:
        ValueError: for an unknown task or option, naming what is allowed.
    """
    check_choice("task", task, tuple(TASKS))
    return gym.make(TASKS[task], **options)


register()
