"""What a data set says about itself, ``meta.json``: checked when read and when made."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from worldsim.data.episode import DatasetError

# A camera's name is a folder of an export and a part of names in HDF5: it leads nowhere else.
_CAMERA = re.compile(r"\w[\w.-]*")


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _cameras(value: Any) -> bool:
    named = _names(value) and all(map(_CAMERA.fullmatch, value))
    return named and 0 < len(set(value)) == len(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_number, value))


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "cameras": (_cameras, "different names of letters, digits, '_', '.' and '-'"),
    "image_size": (lambda v: type(v) is int and 0 < v <= 4096, "1 to 4096 pixels"),
    "control_period": (lambda v: _number(v) and v > 0, "seconds"),
    "action_scale": (lambda v: _numbers(v) and len(v) == 7, "seven numbers"),
    "stages": (_names, "a list of names"),
    "variations": (_names, "a list of names"),
    "recipe": (lambda v: isinstance(v, str), "a text"),
    "versions": (lambda v: isinstance(v, dict), "names and versions"),
}
_NEEDED = ("cameras", "image_size")


def check_meta(meta: Any, what: str) -> None:
    """Refuse meta data that cannot be those of a data set.

    Args:
        meta: as read from JSON.
        what: to call them, as the beginning of a sentence.

    Raises:
        DatasetError: naming the field, and what it holds.
    """
    if not isinstance(meta, dict):
        raise DatasetError(f"{what} have no named entries")
    missing = [name for name in _NEEDED if name not in meta]
    if missing:
        raise DatasetError(f"{what} need {' and '.join(missing)}")
    for name, (fits, wanted) in _FIELDS.items():
        if name in meta and not fits(meta[name]):
            raise DatasetError(f"{what} have {name} {meta[name]!r}: allowed are {wanted}")
