"""What tyro says of words that make no options, as one sentence for people."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from itertools import takewhile
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

_KINDS = {int: "a whole number", float: "a number"}
_REQUIRED = re.compile(r"(--[\w.-]+)? ?\S+ (.*?) ?\(required\) ?")


def sentence(frame: str, config: type, words: list[str]) -> str:
    """What is wrong.

    Args:
        frame: what tyro says, in its frame of lines or, on a plain terminal, below its title.
        config: class of the command's options.
        words: that were typed.
    """
    text = _unframed(frame)
    if text.startswith("Missing from "):
        return _missing(text)
    match = re.match(r"Error parsing (--[\w.-]+): ", text)
    kind = None if match is None else _kind(config, match[1])
    if match is None or kind is None:
        return text
    given = " ".join(_given(match[1], words))
    return f"{match[1]} {given!r}: {kind}"


def _missing(text: str) -> str:
    """Options by their names, words by what they are."""
    found = _REQUIRED.findall(text.partition(": ")[2])
    names = [name or f"a word ({what.strip('. ')})" for name, what in found]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{listed} {'is' if len(names) == 1 else 'are'} missing"


def _kind(config: Any, option: str) -> str | None:
    """What an option takes, where that is numbers."""
    hint: Any = config
    for name in option.removeprefix("--").replace("-", "_").split("."):
        hint = get_type_hints(hint)[name] if is_dataclass(hint) else None
    kinds = [kind for kind in get_args(hint) or (hint,) if kind not in (NoneType, Ellipsis)]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        return None
    what = _KINDS[kinds[0]]
    if get_origin(hint) is tuple:
        return f"each must be {what}, with spaces between"
    return f"{what} is needed"


def _given(option: str, words: list[str]) -> list[str]:
    """What was typed for an option."""
    found: list[str] = []
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            after = takewhile(lambda each: not each.startswith("--"), words[at + 1 :])
            found = [value] if equals else list(after)
    return found


def _unframed(text: str) -> str:
    """What tyro says first."""
    lines = [line.strip("│╭╰╮╯ ") for line in text.splitlines()]
    rules = [number for number, line in enumerate(lines) if line and not line.strip("─-")]
    first = 1 if "╭" in text else rules[0] + 1 if rules else 0
    end = next((number for number in rules if number >= first), len(lines))
    return " ".join(line for line in lines[first:end] if line)
