"""The tasks there are, by name. A further one is its own file and a line here."""

from __future__ import annotations

import gymnasium as gym
from gymnasium.envs.registration import WrapperSpec

from envs import grasp, pick_place, push, reach, rearrange
from envs.errors import UserError
from envs.spec import check_choice
from envs.task import GOAL_MODES, STAGES, TaskSpec

TASKS: dict[str, TaskSpec] = {}
"""Command-line name of each task -> its declaration."""

BUDGETS: dict[str, int] = {}
"""Command-line name of each task -> control steps an episode may take."""

FAMILY = "worldsim/Rearrange-v0"
"""Rearrangement with ``objects`` to choose; its tasks have ids of their own too."""

_WRAPPERS = (WrapperSpec("GoalReward", "envs.goal_env:GoalReward", kwargs={}),)


def register_task(spec: TaskSpec) -> None:
    """Make a task known under its name, and its id to Gymnasium.

    Raises:
        ValueError: another task has this name, or the declaration contradicts itself.
    """
    if TASKS.get(spec.name, spec) is not spec:
        raise UserError(f"there is another task {spec.name!r}")
    check_choice("solved_stage", spec.solved_stage, STAGES)
    for mode in GOAL_MODES:
        schedule = spec.schedules.get(mode, {})
        for stage in schedule:
            check_choice("stage of the expert", stage, spec.expert().stages)
        if sum(schedule.values()) != spec.budget:
            raise UserError(
                f"the schedule {mode!r} of task {spec.name!r} must share out the budget of "
                f"{spec.budget} steps, got {dict(schedule)}"
            )
    TASKS[spec.name], BUDGETS[spec.name] = spec, spec.budget
    if spec.id not in gym.registry:
        gym.register(
            spec.id,
            entry_point="envs.env:ManipulationEnv",
            max_episode_steps=spec.budget,
            kwargs={"task": spec.name},
            additional_wrappers=_WRAPPERS,
        )


def get_task(name: str) -> TaskSpec:
    """The task of that name; a ValueError names the allowed ones."""
    check_choice("task", name, tuple(TASKS))
    return TASKS[name]


def register() -> None:
    """Register the tasks that ship (once)."""
    for spec in (reach.SPEC, grasp.SPEC, pick_place.SPEC, push.SPEC, *rearrange.SPECS):
        register_task(spec)
    if FAMILY not in gym.registry:
        gym.register(FAMILY, entry_point="envs.family:make", additional_wrappers=_WRAPPERS)
