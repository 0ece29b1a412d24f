"""The tasks there are, by name: ours, and those of other people's environments.

A further one of ours is its own file and a line here. A name with a colon, ``package.module:NAME``,
stands for anybody's ``SimTask``: worker processes import it from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium.envs.registration import WrapperSpec

from envs import grasp, pick_place, push, reach, rearrange
from envs.errors import UserError
from envs.plugins import import_theirs
from envs.sim_env import SimEnv
from envs.spec import CAMERAS, RENDER_MODES, check_choice
from envs.task import GOAL_MODES, STAGES, TaskSpec

if TYPE_CHECKING:
    from envs.experts import Expert
    from envs.goals import GoalSequence, GoalSource


@dataclass(frozen=True)
class SimTask:
    """What stands behind the name of a task.

    Attributes:
        make: the environment; called with ``cameras``, ``image_size``, ``obs_mode`` ("pixels",
            "state": privileged observations and no pictures, or "all") and ``variation``.
        goals: where its goal pictures come from.
        cameras: names it can be looked at from.
        expert: makes its scripted expert, which acts on ``observation`` and ``desired_goal``; None
            where it has none.
    """

    make: Callable[..., SimEnv]
    goals: GoalSource
    cameras: tuple[str, ...] = CAMERAS
    expert: Callable[[], Expert] | None = None


FOREIGN: dict[str, str] = {
    "robosuite/Lift": "envs.foreign.robosuite:LIFT",
    "robosuite/PickPlaceCan": "envs.foreign.robosuite:PICK_PLACE_CAN",
    "robosuite/Stack": "envs.foreign.robosuite:STACK",
    "robosuite/Door": "envs.foreign.robosuite:DOOR",
}
"""Name of each task in somebody else's environment -> where its ``SimTask`` is."""

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
    """Our task of that name; a ValueError names the allowed ones."""
    check_choice("task", name, tuple(TASKS))
    return TASKS[name]


def find_task(name: str) -> SimTask:
    """The task of that name, in whoever's environment.

    Raises:
        UserError: there is none, naming those there are; or it cannot be imported.
    """
    if not isinstance(name, str):
        raise UserError(f"task {name!r}: a name is needed")
    if name in TASKS:
        return SimTask(partial(_make, name), _our_goals, expert=TASKS[name].expert)
    if ":" not in name:
        check_choice("task", name, (*TASKS, *FOREIGN))
    module, attribute = import_theirs(FOREIGN.get(name, name), f"task {name!r}")
    found = getattr(module, attribute, None)
    if found is None:
        raise UserError(f"task {name!r}: {module.__name__} has no {attribute!r}")
    if not isinstance(found, SimTask):
        raise UserError(f"task {name!r} is {found!r}: it must be an envs.tasks.SimTask")
    return found


def _make(name: str, **options: Any) -> Any:
    """An environment of ours; Gymnasium itself trips over a render mode that is no name."""
    mode = options.get("render_mode")
    if mode is not None:
        check_choice("render_mode", mode, RENDER_MODES)
    return gym.make(TASKS[name].id, **options)


def _our_goals(env: SimEnv, mode: str) -> GoalSequence | None:
    from envs.goals import expert_goals  # the environment behind it, with MuJoCo

    return expert_goals(env, mode)


def register() -> None:
    """Register the tasks that ship (once)."""
    for spec in (reach.SPEC, grasp.SPEC, pick_place.SPEC, push.SPEC, *rearrange.SPECS):
        register_task(spec)
    if FAMILY not in gym.registry:
        gym.register(FAMILY, entry_point="envs.family:make", additional_wrappers=_WRAPPERS)
