"""MuJoCo's full integration state: read, and returned to bit by bit."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

_FULL = mujoco.mjtState.mjSTATE_INTEGRATION


def state_numbers(model: mujoco.MjModel) -> int:
    """Length of a model's state."""
    return int(mujoco.mj_stateSize(model, _FULL))


def get_state(model: mujoco.MjModel, data: mujoco.MjData) -> NDArray[np.float64]:
    """(n,) everything that the future of a simulation depends on."""
    state = np.empty(state_numbers(model))
    mujoco.mj_getState(model, data, state, _FULL)
    return state


def set_state(model: mujoco.MjModel, data: mujoco.MjData, state: NDArray[np.float64]) -> None:
    """Return to (n,) a state of this model, with all that is computed from it."""
    mujoco.mj_setState(model, data, state, _FULL)
    mujoco.mj_forward(model, data)
    # mj_forward refreshes the warm start; the stored one is part of the state.
    mujoco.mj_setState(model, data, state, _FULL)
