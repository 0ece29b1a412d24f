"""What callers hand to an environment, checked: actions, and states that were saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError

Array = NDArray[np.float64]


def as_executed(action: object) -> Array:
    """(7,) ``clipped``, and rounded to float32, so that what is stored can be executed again."""
    return clipped(action).astype(np.float32).astype(np.float64)


def clipped(action: object) -> Array:
    """(7,) an action within [-1, 1].

    Raises:
        UserError: it is not seven finite numbers.
    """
    try:
        found = np.asarray(action)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"action {action!r} is not seven finite numbers") from error
    if found.dtype.kind not in "fiub":
        raise UserError(f"action {action!r} is not seven finite numbers")
    if found.shape != (7,):
        raise UserError(f"action has shape {found.shape}: allowed are seven finite numbers, (7,)")
    if not np.isfinite(found).all():
        raise UserError(f"action {found} is not seven finite numbers: allowed is [-1, 1]")
    return np.clip(found.astype(np.float64), -1.0, 1.0)


def check_saved(state: object, own: Mapping[str, str]) -> None:
    """Refuse a state that another environment saved, or none.

    Args:
        state: what was given to ``set_state``.
        own: what tells the environment from others, and must be alike.

    Raises:
        UserError: saying what differs.
    """
    if not isinstance(state, Mapping) or not all(what in state for what in own):
        raise UserError(f"a state is what get_state gives, not {_short(state)}")
    for what, mine in own.items():
        if state[what] != mine:
            raise UserError(f"a state of {what} {state[what]!r} given: this one is {mine!r}")


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 60 else f"{text[:60]}..."
