"""What ``worldsim collect`` can collect: tasks, explorers, lengths, and what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import envs
from envs.errors import UserError
from envs.explorers import Explorer, NoisyExpert, Tinker, make_explorer
from envs.free_play import FreePlay
from envs.pick_place import TOLERANCE_M
from experiments.data.evaluated import composes

Array = NDArray[np.float64]


def _mixture(env: Any, rng: np.random.Generator) -> Explorer:
    return make_explorer(env.task, rng)


def _demonstration(env: Any, rng: np.random.Generator) -> Explorer:
    return NoisyExpert(env.task, rng)


def _free_play(env: Any, rng: np.random.Generator) -> Explorer:
    return FreePlay(env.task_spec.objects, env.start.platform, rng)


def _tinker(env: Any, rng: np.random.Generator) -> Explorer:
    return Tinker(rng)


def _nothing(env: Any, places: Array) -> bool:
    return False


def _placed(env: Any, places: Array) -> bool:
    """Whether the object was ever where pick-and-place asks, let go or not."""
    away = np.linalg.norm(places - env.start.goal[:3], axis=2)
    return env.task == "pick-place" and bool((away < TOLERANCE_M).any())


@dataclass(frozen=True)
class Preset:
    """A recipe: an episode is a function of it and of the episode's seed.

    Attributes:
        seeds: how many.
        recipe: its name and version; data of two recipes are not the same.
        tasks: that the seeds take turns with.
        variations: that they take turns with, too.
        explorer: who acts, given the environment (just reset) and a generator.
        steps: at most, in an episode.
        branched: share of the episodes that branch near contact.
        answers: whether an episode holds what is evaluated, given its environment and the objects'
            places (T, n, 3): its seed is left out.
    """

    seeds: int
    recipe: str = "explorers-4"
    # Reach has the arm alone, so most of what is to be learnt is in the other two.
    tasks: tuple[str, ...] = (
        *("pick-place", "grasp", "pick-place", "pick-place"),
        *("grasp", "pick-place", "reach"),
    )
    variations: tuple[str, ...] = ("default",)
    explorer: Callable[[Any, np.random.Generator], Explorer] = _mixture
    steps: int = 30
    branched: float = 0.4
    answers: Callable[[Any, Array], bool] = _nothing


PRESETS = {
    "default": Preset(7200),
    # The plain scene keeps a share of its own, so that nothing is lost there.
    "diverse": Preset(4720, variations=("diverse", "diverse", "default", "diverse")),
    # Demonstrations alone, of which a flow head wants many; a third of them reach.
    "demonstrations": Preset(
        12000,
        "demonstrations-1",
        ("grasp", "pick-place", "reach"),
        ("diverse", "diverse-rich", "diverse", "default"),
        explorer=_demonstration,
        branched=0.0,
    ),
    "play": Preset(
        1200,
        "free-play-1",
        ("rearrange-2", "rearrange-3", "rearrange-1", "rearrange-4"),
        explorer=_free_play,
        steps=200,
        branched=0.0,
        answers=composes,
    ),
    "tinker": Preset(
        3600,
        "tinker-1",
        ("pick-place", "grasp", "pick-place", "grasp", "reach"),
        explorer=_tinker,
        steps=40,
        branched=0.0,
        answers=_placed,
    ),
    "tiny": Preset(8),
}


def preset_named(name: str) -> Preset:
    """A preset of its own name, or demonstrations of a task by the task's.

    Raises:
        UserError: there is neither.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name not in envs.TASKS:
        allowed = ", ".join((*PRESETS, *envs.TASKS))
        raise UserError(f"unknown preset {name!r}: allowed are {allowed}")
    steps = max(30, envs.BUDGETS[name])
    alone = PRESETS["demonstrations"]
    return replace(alone, seeds=1200, tasks=(name,), variations=("default",), steps=steps)
