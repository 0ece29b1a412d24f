"""What all tests share: one thread a process, caches of their own, repeatable hypothesis."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Before NumPy or PyTorch is imported: test processes share the cores.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# Mesa's worker threads, where somebody asks for some, are missing in a forked child, which hangs.
os.environ.pop("LP_NUM_THREADS", None)

settings.register_profile("worldsim", deadline=None, derandomize=True)
settings.load_profile("worldsim")


def pytest_configure(config: pytest.Config) -> None:
    """Give the whole run, workers and child processes included, an empty worldsim cache."""
    if hasattr(config, "workerinput"):
        return  # a worker of pytest-xdist inherits the environment of its parent
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    os.environ.setdefault("MPLCONFIGDIR", str(home / "matplotlib"))  # its font list takes seconds
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="worldsim-tests-")
    config.add_cleanup(lambda: shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first, or a worker would end alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
