"""The log of a soak: command, versions, what was seen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.runs.versions import hardware, versions


def write(seen: Sequence[str], module: str, packages: str, out: Path | None) -> None:
    """Print it, and keep it where that is asked for."""
    command = f"python -m {module} {' '.join(sys.argv[1:])}".rstrip()
    text = "\n".join([command, packages, f"{versions()} {hardware()}", "", *seen]) + "\n"
    sys.stdout.write(text)
    if out is not None:
        out.write_text(text)
