"""What produced a result: package versions, code version, machine. Stamped into every result."""

from __future__ import annotations

import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("worldsim", "torch", "mujoco", "gymnasium", "numpy", "scipy", "stable-baselines3")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python, of the packages results depend on, and of the code."""
    found = {"python": platform.python_version(), "git_commit": git_commit()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@lru_cache(maxsize=1)
def git_commit() -> str:
    """Commit of the checkout this package runs from; "unknown" outside one."""
    try:
        out = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return out.stdout.strip()
