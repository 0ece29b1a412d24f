"""Modules of a user's own, named on the command line as ``package.module:NAME``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

from envs.errors import UserError


def import_theirs(address: str, what: str) -> tuple[ModuleType, str]:
    """A module of somebody's own, and the name in it; those of the working directory count.

    Args:
        address: ``package.module:NAME``.
        what: it is imported for, for the message.

    Raises:
        UserError: of another form, there is no such module, or importing it fails; the error it
            failed with is the cause.
    """
    module, _, name = address.partition(":")
    if not module or not name:
        raise UserError(f"{what} is not of the form package.module:NAME")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return import_module(module), name
    except Exception as error:  # whatever it does, it is theirs to mend
        missing = isinstance(error, ModuleNotFoundError)
        reason = str(error) if missing else f"{type(error).__name__}: {error}"
        raise UserError(f"{what}: {module!r} cannot be imported ({reason})") from error
