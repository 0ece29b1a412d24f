"""Classes of a user's own, named on the command line as ``package.module:Class``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from worldsim.errors import UserError


def load_class(name: str, what: str) -> Any:
    """The class behind ``package.module:Class``; modules of the working directory count.

    Args:
        name: what the user typed.
        what: for the message: "planner", "energy", "encoder".

    Raises:
        ValueError: no such module, or nothing of that name in it; or importing it fails, which is
            the error's cause.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UserError(f"{what} {name!r} is not of the form package.module:Class")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = import_module(module)
    except Exception as error:  # whatever it does, it is the user's to mend
        missing = isinstance(error, ModuleNotFoundError)
        reason = str(error) if missing else f"{type(error).__name__}: {error}"
        raise UserError(f"{what} {name!r}: {module!r} cannot be imported ({reason})") from error
    if not hasattr(found, attribute):
        raise UserError(f"{what} {name!r}: {module} has no {attribute!r}")
    return getattr(found, attribute)
