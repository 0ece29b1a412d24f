"""Noticing that a simulation diverged, which MuJoCo answers by resetting it in silence."""

from __future__ import annotations

import mujoco
import numpy as np

from envs.errors import PhysicsError

_WARNINGS = {
    mujoco.mjtWarning.mjWARN_BADQPOS: "position",
    mujoco.mjtWarning.mjWARN_BADQVEL: "velocity",
    mujoco.mjtWarning.mjWARN_BADQACC: "acceleration",
    mujoco.mjtWarning.mjWARN_BADCTRL: "control",
}


def bad_numbers(data: mujoco.MjData) -> dict[str, int]:
    """How often each quantity has been found infinite, NaN or absurdly large since a reset."""
    return {what: data.warning[kind].number for kind, what in _WARNINGS.items()}


def check_finite(data: mujoco.MjData, before: dict[str, int]) -> None:
    """Raise where the simulation diverged since ``bad_numbers`` was ``before``.

    Raises:
        PhysicsError: it did.
    """
    bad = [what for what, count in bad_numbers(data).items() if count != before[what]]
    if not np.isfinite(data.qpos).all():
        bad.append("position")
    if not np.isfinite(data.qvel).all():
        bad.append("velocity")
    if bad:
        raise PhysicsError(
            f"the simulation diverged: {' and '.join(dict.fromkeys(bad))} out of bounds"
        )
