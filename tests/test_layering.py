"""The packages import fast, and only what their layer may; lint-imports checks the whole graph."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("worldsim", "envs", "agents", "experiments")
ROOT = Path(__file__).resolve().parents[1]
LONGEST = 350
LONG_FOR_A_REASON = {
    "tests/envs/test_scene.py": "every claim about the scene, held against robosuite's",
    "tests/worldsim/vjepa2/test_checkpoints.py": "every layout of the released files",
}

_REPORT = """
import json, sys, time
start = time.process_time()
import {package}
seconds = time.process_time() - start
print(json.dumps({{"cpu_seconds": seconds, "modules": sorted(sys.modules), "files": opened}}))
"""

# An audit hook sees every file that the import opens.
_WATCH_FILES = """
import sys
from pathlib import Path
from typing import Any
opened = []
def _watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])
sys.addaudithook(_watch)
"""


@cache
def import_alone(package: str, once_more: int = 0) -> dict[str, Any]:
    """What importing one package in a new process loads: modules, files, processor time."""
    code = _WATCH_FILES + _REPORT.format(package=package)
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(child.stdout)


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("worldsim", {"envs", "agents", "experiments", "mujoco", "gymnasium", "robosuite"}),
        ("envs", {"worldsim", "agents", "experiments", "torch", "stable_baselines3", "robosuite"}),
        ("agents", {"experiments", "robosuite"}),
        ("experiments", {"robosuite"}),
    ],
)
def test_importing_a_package_loads_nothing_its_layer_forbids(
    package: str, forbidden: set[str]
) -> None:
    loaded = {name.partition(".")[0] for name in import_alone(package)["modules"]}
    assert not loaded & forbidden


def test_importing_envs_opens_no_graphics_library() -> None:
    modules = import_alone("envs")["modules"]
    assert not [name for name in modules if name.partition(".")[0] in ("OpenGL", "glfw")]


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_reads_no_weights(package: str) -> None:
    files = import_alone(package)["files"]
    assert not [name for name in files if name.endswith((".safetensors", ".pt", ".npz"))]


def test_importing_envs_is_fast() -> None:
    # Processor time, the best of three: other processes share the cores.
    assert min(import_alone("envs", time)["cpu_seconds"] for time in range(3)) < 1.5


def test_files_are_short() -> None:
    files = (path for top in (*PACKAGES, "tests", "setup") for path in (ROOT / top).rglob("*.py"))
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files}
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set(LONG_FOR_A_REASON)
