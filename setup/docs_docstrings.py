"""How the documentation site reads our docstrings: ``low, high: bounds`` documents both."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

GROUP = re.compile(r"^ {4}(\w+(?:, \w+)+):(.*(?:\n {5,}.*)*)", re.MULTILINE)
"""Names that share a line of a Google-style section, and what is said of them."""


def ungrouped(text: str) -> str:
    """A docstring in which every name has an entry of its own.

    Args:
        text: without common indentation.
    """

    def entries(found: re.Match[str]) -> str:
        return "\n".join(f"    {name}:{found[2]}" for name in found[1].split(", "))

    return GROUP.sub(entries, text)


class GroupedNames(Extension):
    """Griffe parses an entry a name."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Called with every module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = ungrouped(obj.docstring.value)
