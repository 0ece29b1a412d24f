"""What an agent may know about an environment before it acts: names, scales, shapes, times."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError
from envs.geometry import WORKSPACE_HIGH, WORKSPACE_LOW

CAMERAS: tuple[str, ...] = ("left", "right", "wrist")
OBS_MODES: tuple[str, ...] = ("pixels", "depth", "segmentation", "state", "all")
REWARDS: tuple[str, ...] = ("sparse", "dense")
RENDER_MODES: tuple[str, ...] = ("rgb_array", "human")

TRANSLATION_SCALE_M = 0.075
ROTATION_SCALE_RAD = 0.15
GRIPPER_SCALE = 1.0

# Tilt stays small, yaw is free over half a turn.
ROTATION_LIMIT_RAD = (0.5, 0.5, 1.6)
LEASH_M, LEASH_RAD = 0.04, 0.2


def _action_scale() -> NDArray[np.float64]:
    return np.array([TRANSLATION_SCALE_M] * 3 + [ROTATION_SCALE_RAD] * 3 + [GRIPPER_SCALE])


def _rotation_limit() -> NDArray[np.float64]:
    return np.array(ROTATION_LIMIT_RAD)


@dataclass(frozen=True)
class EnvSpec:
    """The interface of one environment instance.

    Attributes:
        task: one of ``envs.TASKS``.
        cameras: names of the cameras rendered into each observation.
        image_size: height and width of a frame, in pixels.
        control_period: seconds between two actions.
        budget: control steps an episode may take.
        action_scale: (7,) physical size of an action of 1: metres, radians (Euler xyz), closedness.
        workspace_low, workspace_high: (3,) corners of the box that the commanded tool centre stays
            in, metres, robot-base frame.
        rotation_limit: (3,) largest commanded turn away from straight down, as a rotation vector,
            radians.
        leash: how far the commanded pose may run ahead of the achieved one, metres and radians.
    """

    task: str
    cameras: tuple[str, ...]
    image_size: int
    control_period: float
    budget: int
    action_scale: NDArray[np.float64] = field(default_factory=_action_scale)
    workspace_low: NDArray[np.float64] = field(default_factory=WORKSPACE_LOW.copy)
    workspace_high: NDArray[np.float64] = field(default_factory=WORKSPACE_HIGH.copy)
    rotation_limit: NDArray[np.float64] = field(default_factory=_rotation_limit)
    leash: tuple[float, float] = (LEASH_M, LEASH_RAD)


def check_choice(
    what: str, given: object, allowed: tuple[str, ...], listed: str | None = None
) -> None:
    """Raise a ValueError that names what was given, the nearest name, and what is allowed.

    Args:
        what: is chosen.
        given: the choice.
        allowed: all that may be.
        listed: the same in short, where it is too many to name.
    """
    if not isinstance(given, str) or given not in allowed:
        near = difflib.get_close_matches(str(given), allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        told = listed or ", ".join(allowed) or "none"
        raise UserError(f"unknown {what} {given!r}{hint}: allowed are {told}")
