"""What can go wrong and has a name of its own."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake that a person can mend: the message says what was given and what is allowed.

    The command line prints it as one sentence; any other error is a fault of ours and shows its
    traceback. ``envs.errors`` has its own: ``worldsim`` and ``envs`` do not know each other.
    """


def unknown(what: str, given: str, allowed: Iterable[str]) -> str:
    """The sentence for a name that is none: what was given, the nearest, and what is allowed."""
    names = tuple(allowed)
    near = get_close_matches(given, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown {what} {given!r}{hint}: allowed are {', '.join(names)}"
