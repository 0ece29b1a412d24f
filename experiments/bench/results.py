"""What a benchmark leaves: lines for people, and JSON with versions for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from experiments.runs.versions import versions
from worldsim.files import check_place, write_atomically

STANDARD_OUTPUT = "-"


def check_results(place: str | None) -> None:
    """Refuse, before anything is measured, a file that ``show`` could not write.

    Raises:
        UserError: naming it.
    """
    if place not in (None, STANDARD_OUTPUT):
        check_place(Path(place))


def show(results: dict[str, Any], text: str, place: str | None) -> None:
    """Print lines for people, or JSON; a file gets JSON beside the printed lines.

    Args:
        results: what was measured.
        text: the same for people.
        place: file for JSON, ``-`` for standard output, or None.
    """
    stamped = json.dumps(results | {"cores": os.cpu_count(), "versions": versions()}, indent=1)
    print(stamped if place == STANDARD_OUTPUT else text)
    if place not in (None, STANDARD_OUTPUT):
        write_atomically(Path(place), stamped + "\n")
