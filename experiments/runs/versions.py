"""What produced a result: package versions, code version, hardware. Stamped into every result."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("worldsim", "torch", "mujoco", "robosuite", "gymnasium", "numpy", "scipy"),
    "stable-baselines3",
)


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


@lru_cache(maxsize=1)
def hardware() -> dict[str, str | int | None]:
    """The machine: processor, cores, and the accelerator if this process uses one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_available()
    return {
        "cpu": next(names, platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch is not None and used else None,
    }
