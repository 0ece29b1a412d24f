"""What a soak is told, and its log: command, versions, what was seen."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.runs.versions import hardware, versions


def arguments(what: str | None, needed: Sequence[str], lacking: str) -> argparse.Namespace:
    """``episodes`` and ``out`` of a command that needs root and some programs, or its end."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--episodes", type=int, default=60, help="of each of four runs")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if os.geteuid() != 0 or any(shutil.which(name) is None for name in needed):
        sys.exit(f"skipped: {lacking}")
    return given


def write(seen: Sequence[str], module: str, packages: str, out: Path | None) -> None:
    """Print it, and keep it where that is asked for."""
    command = f"python -m {module} {' '.join(sys.argv[1:])}".rstrip()
    text = "\n".join([command, packages, f"{versions()} {hardware()}", "", *seen]) + "\n"
    sys.stdout.write(text)
    if out is not None:
        out.write_text(text)
