"""Noticing that a simulation diverged, which MuJoCo answers by resetting it in silence."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.errors import PhysicsError

_BAD = {
    int(mujoco.mjtWarning.mjWARN_BADQPOS): "position",
    int(mujoco.mjtWarning.mjWARN_BADQVEL): "velocity",
    int(mujoco.mjtWarning.mjWARN_BADQACC): "acceleration",
    int(mujoco.mjtWarning.mjWARN_BADCTRL): "control",
}


def warnings_of(data: mujoco.MjData) -> NDArray[np.int32]:
    """How often MuJoCo has given each of its warnings since a reset."""
    counts: NDArray[np.int32] = data.warning.number.copy()
    return counts


def check_finite(data: mujoco.MjData, before: NDArray[np.int32]) -> None:
    """Raise where the simulation diverged since ``warnings_of`` was ``before``.

    Raises:
        PhysicsError: a number was infinite, NaN or absurdly large.
    """
    after = data.warning.number
    bad = [what for kind, what in _BAD.items() if after[kind] != before[kind]]
    if not np.isfinite(data.qpos).all():
        bad.append("position")
    if not np.isfinite(data.qvel).all():
        bad.append("velocity")
    if bad:
        names = " and ".join(dict.fromkeys(bad))
        raise PhysicsError(f"the simulation diverged: {names} out of bounds")
