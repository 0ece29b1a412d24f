"""What callers hand to an environment, checked: actions, and states that were saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError
from envs.progress import Progress
from envs.start import Start

Array = NDArray[np.float64]

_SAVED: dict[str, type] = {
    **{"start": Start, "progress": Progress, "initial_state_hash": str},
    **{"physics": np.ndarray, "highest": np.ndarray, "controller": dict, "rng": dict},
}
"""What a saved state holds besides the names of what it is of."""


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
        if type(state[what]) is not str or state[what] != mine:
            raise UserError(f"a state of {what} {state[what]!r} given: this one is {mine!r}")
    for what, kind in _SAVED.items():
        if not isinstance(state.get(what), kind):
            raise UserError(f"a state is what get_state gives: {what} is {_short(state.get(what))}")


@contextmanager
def taken_as_saved() -> Iterator[None]:
    """What a state that somebody changed inside raises, as a UserError."""
    try:
        yield
    except UserError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise UserError(f"a state is what get_state gives, unchanged: {error!r}") from error


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 60 else f"{text[:60]}..."
