"""The notebooks run from top to bottom, in an empty folder, and come to what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
PRINTED = {
    "own-rl": r"SAC with HER after 1,000 steps: (0\.[89]|1\.0)",
    "own-world-model": r"mine +solved \d of 4, \d\.\d cm left",
    "own-task": r"expert +10 of 10",
}
"""Notebook -> what it must print (a pattern)."""


def cells(name: str) -> list[dict]:
    """The code cells of a notebook."""
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_notebook_is_run_here():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_a_notebook_is_stored_without_what_it_printed(name):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(name))


@pytest.mark.long
@pytest.mark.parametrize("name", PRINTED)
def test_a_notebook_runs_and_comes_to_what_it_says(name, tmp_path):
    code = "\n".join("".join(cell["source"]) for cell in cells(name))
    # From its standard input: as in Jupyter, modules are found in the present folder, and
    # worker processes have no script to start again.
    child = subprocess.run(
        [sys.executable, "-"],
        input=code,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert re.search(PRINTED[name], child.stdout), child.stdout
