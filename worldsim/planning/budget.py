"""How much a planner may search in the time there is for an action.

Every planner has one number that it grows by: more candidates, or more steps of a descent. What an
action takes is timed with few and with more of it, until what fits is known. The count then stays
as it is, so that plans do not depend on how busy a machine is later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from statistics import median
from typing import Any

from worldsim.errors import UserError
from worldsim.planning.planner import Planner

ROUNDS = 5
"""Actions timed of each size, after one that is not counted."""
_SIZES = 9
_USED = 0.95  # of the budget is enough
# A line through two small sizes is a bad guide to a far larger one.
_AT_MOST_TIMES = 8


def grows_by(planner: Planner) -> str | None:
    """The field whose number says how much a planner searches; None: it does not search.

    It is ``samples``, unless the planner's ``grows`` names another one.

    Raises:
        UserError: it has no such field.
    """
    name: str | None = getattr(planner, "grows", "samples")
    if name is None:
        return None
    if not is_dataclass(planner) or name not in {one.name for one in fields(planner)}:
        raise UserError(
            f"{type(planner).__name__} cannot be fitted to a time per action: it needs a field "
            f"{name}, or the name of another one as its 'grows'"
        )
    return name


def fitted(
    planner: Planner, seconds: Callable[[Planner], float], budget_s: float
) -> tuple[Planner, dict[str, int]]:
    """A planner that searches as much as fits into a time.

    Args:
        planner: whose other settings are kept.
        seconds: takes an action with a planner and says how long it took.
        budget_s: for one action, seconds.

    Returns:
        The planner, and what was fitted by name.

    Raises:
        UserError: the time is too short for the smallest search, or the planner cannot be fitted.
    """
    name = grows_by(planner)

    def of(count: int) -> Any:
        return planner if name is None else replace(planner, **{name: count})  # type: ignore[type-var]

    few = max(1, getattr(planner, "elites", 1))
    least = _median(seconds, of(few))
    if least > budget_s:
        raise UserError(
            f"a budget of {1000 * budget_s:.4g} ms is too short for {type(planner).__name__}: "
            f"with the smallest search an action takes {1000 * least:.3g} ms here"
        )
    if name is None:
        return planner, {}
    fits, used, over = few, least, 0  # what fits, what it takes, and what does not fit if known
    count = 2 * few
    for _ in range(_SIZES):
        took = _median(seconds, of(count))
        each = max(took - used, 1e-9) / abs(count - fits)
        guess = fits + int((budget_s - used) / each)
        if took <= budget_s:
            guess = count + int((budget_s - took) / each)
            fits, used = count, took
        else:
            over = count
        if used >= _USED * budget_s or over == fits + 1:
            break
        count = max(fits + 1, min(guess, over - 1 if over else _AT_MOST_TIMES * fits))
    return of(fits), {name: fits}


def _median(seconds: Callable[[Planner], float], planner: Planner) -> float:
    return median([seconds(planner) for _ in range(ROUNDS + 1)][1:])
