"""What an agent may know about an environment before it acts: names, scales, shapes, times."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError

TASKS: dict[str, str] = {
    "reach": "worldsim/Reach-v0",
    "grasp": "worldsim/Grasp-v0",
    "pick-place": "worldsim/PickPlace-v0",
}
"""Command-line name of each task -> Gymnasium id."""

BUDGETS: dict[str, int] = {"reach": 20, "grasp": 30, "pick-place": 40}
"""Control steps an episode may take."""

STAGES: tuple[str, ...] = ("none", "reached", "grasped", "lifted", "placed")
"""How far an episode can get; ``info["stage"]`` is the furthest."""

CAMERAS: tuple[str, ...] = ("left", "right", "wrist")
OBS_MODES: tuple[str, ...] = ("pixels", "state", "all")
REWARDS: tuple[str, ...] = ("sparse", "dense")

TRANSLATION_SCALE_M = 0.075
ROTATION_SCALE_RAD = 0.15
GRIPPER_SCALE = 1.0


def _action_scale() -> NDArray[np.float64]:
    return np.array([TRANSLATION_SCALE_M] * 3 + [ROTATION_SCALE_RAD] * 3 + [GRIPPER_SCALE])


@dataclass(frozen=True)
class EnvSpec:
    """The interface of one environment instance.

    Attributes:
        task: one of ``TASKS``.
        cameras: names of the cameras rendered into each observation.
        image_size: height and width of a frame, in pixels.
        control_period: seconds between two actions.
        budget: control steps an episode may take.
        action_scale: (7,) physical size of an action of 1: metres, radians (Euler xyz), closedness.
    """

    task: str
    cameras: tuple[str, ...]
    image_size: int
    control_period: float
    budget: int
    action_scale: NDArray[np.float64] = field(default_factory=_action_scale)


def check_choice(what: str, given: object, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that names what was given, the nearest name, and what is allowed."""
    if given not in allowed:
        near = difflib.get_close_matches(str(given), allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UserError(f"unknown {what} {given!r}{hint}: allowed are {', '.join(allowed)}")
