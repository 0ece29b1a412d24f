"""Modules of a user's own, named on the command line as ``package.module:NAME``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

from envs.errors import UserError


def import_theirs(module: str, what: str) -> ModuleType:
    """A module of somebody's own; those of the working directory count.

    Args:
        module: its name.
        what: it is imported for, for the message.

    Raises:
        UserError: there is none, or importing it fails; the error it failed with is the cause.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return import_module(module)
    except Exception as error:  # whatever it does, it is theirs to mend
        missing = isinstance(error, ModuleNotFoundError)
        reason = str(error) if missing else f"{type(error).__name__}: {error}"
        raise UserError(f"{what}: {module!r} cannot be imported ({reason})") from error
