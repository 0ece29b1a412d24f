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
        ValueError: no such module, or nothing of that name in it.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UserError(f"{what} {name!r} is not of the form package.module:Class")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise  # the module is there; something that it imports is not
        raise UserError(f"{what} {name!r}: there is no module {error.name!r}") from error
    except AttributeError as error:
        raise UserError(f"{what} {name!r}: {module} has no {attribute!r}") from error
