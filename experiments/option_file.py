"""Options of a command from a YAML file, ``--config FILE.yaml``: those typed win.

joint_steps: 4500               # the options' names, with _ or with -
precision: float32
joint:                          # what is --joint.single-view on the command line
  single_view: 0.1
  demonstrators: [free-play]

The file becomes words of a command line, put before those that were typed: one reader, tyro, for
both, so what is allowed in one is allowed in the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from inspect import formatannotation
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from experiments.yaml_file import read_yaml
from worldsim.errors import UserError, unknown


def with_file(words: list[str], config: type, parse: Callable[[list[str]], Any]) -> list[str]:
    """The words of a command line with what ``--config`` names in its place.

    Args:
        words: typed after the command.
        config: class of the command's options.
        parse: makes options of words, or raises UserError.

    Raises:
        UserError: the file cannot be read; a key is unknown or its value of another type; the
            sentence names file and key.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config")
    try:
        found, typed = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UserError(f"--config: the name of a YAML file is needed ({error.message})") from None
    if found.config is None:
        return typed
    path = Path(found.config)
    return [*_checked(path, dict(_options(path, config)), parse), *typed]


def _checked(path: Path, options: dict[str, list[str]], parse: Callable[..., Any]) -> list[str]:
    """All words of a file, once they are known to make sense."""
    words = [word for part in options.values() for word in part]
    try:
        parse(words)
    except UserError as together:
        for key, part in options.items():  # which of them was it?
            try:
                parse(part)
            except UserError as error:
                raise UserError(f"{path}: key {key!r}: {error}") from None
        raise UserError(f"{path}: {together}") from None
    return words


def _options(path: Path, config: type) -> Iterator[tuple[str, list[str]]]:
    """Key and words of every option in a file."""
    found = read_yaml(path, "file of options")
    if not isinstance(found, Mapping):
        raise UserError(f"{path}: keys are needed, allowed are {', '.join(_names(config))}")
    return _walk(path, found, config, "")


def _walk(
    path: Path, found: Mapping[Any, Any], config: type, prefix: str
) -> Iterator[tuple[str, list[str]]]:
    hints, names = get_type_hints(config), _names(config)
    for given, value in found.items():
        key, name = f"{prefix}{given}", str(given).replace("-", "_")
        if name not in names:
            raise UserError(f"{path}: {unknown('key', key, (prefix + each for each in names))}")
        hint, option = hints[name], f"{prefix}{name}".replace("_", "-")
        if is_dataclass(hint) and isinstance(value, Mapping):
            yield from _walk(path, value, hint, f"{prefix}{name}.")  # type: ignore[arg-type]
        elif _fits(value, hint):
            yield key, _words(option, value)
        else:
            kind = "keys of its own" if is_dataclass(hint) else formatannotation(hint)
            raise UserError(f"{path}: key {key!r} cannot be {value!r}: it takes {kind}")


def _names(config: Any) -> list[str]:
    return [field.name for field in fields(config)]


def _fits(value: Any, hint: Any) -> bool:
    """Whether YAML's kind of a value is the option's; text and numbers are left to tyro.

    YAML takes 1e-3 for a text, and tyro reads it.
    """
    if value is None:
        return NoneType in get_args(hint)
    if isinstance(value, bool) or hint is bool:
        return hint is bool and isinstance(value, bool)
    if isinstance(value, list):
        return get_origin(hint) is tuple and all(_fits(each, get_args(hint)[0]) for each in value)
    return not is_dataclass(hint) and isinstance(value, str | int | float)


def _words(option: str, value: Any) -> list[str]:
    """As they would be typed."""
    if isinstance(value, bool):
        group, dot, last = option.rpartition(".")
        return [f"--{group}{dot}{'' if value else 'no-'}{last}"]
    if isinstance(value, list):
        return [f"--{option}", *map(str, value)]
    return [f"--{option}={value}"]
