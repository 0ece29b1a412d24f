"""Write requirements.lock and the locks in setup/: exact versions, from clean resolves.

    make lock

Three changes are made to what pip resolves: packages that need a compiler and that nothing here
imports are left out, OpenCV comes without its windows (which need X libraries), and MoviePy stands
beside a Pillow that is newer than it asks for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    "requirements.lock": ("scenes,train,sweep,official,dev", ()),
    "setup/core.lock": ("train,dev", ("numpy>=2",)),
}
"""Lock -> extras and further requirements."""

ALWAYS = (
    "torch==2.13.0",  # what the shipped weights and results were made with: raise both together
    "setuptools>=77.0.3",  # so that the project installs without build isolation
)

LEFT_OUT = {"pynput", "evdev", "python-xlib"}
"""robosuite's keyboard: imported by its teleoperation scripts only; evdev is built from source."""

REPLACED = {"opencv-python": "opencv-python-headless"}
"""robosuite imports cv2 for its on-screen viewer; the headless build has the same versions."""

HEADER = """\
# Exact versions of a tested set of packages. Written by `make lock`; do not edit.
# Install with:  pip install --no-deps -r {name}
"""


BESIDE = ("moviepy", "proglog", "python-dotenv", "decorator")
"""Gymnasium's RecordVideo writes with MoviePy, which asks for Pillow < 12 and works with later."""


def resolve(*wanted: str) -> dict[str, str]:
    """Name -> version of what pip would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    report = subprocess.run(
        [*command, "--report", "-", *wanted], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found = (package["metadata"] for package in json.loads(report)["install"])
    return {package["name"]: package["version"] for package in found}


def for_docs() -> list[str]:
    """The extra ``docs`` without the project, whose sources the site is made from, unimported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted: list[str] = project["optional-dependencies"]["docs"]
    return wanted


def write(name: str, found: dict[str, str]) -> None:
    """Write the lock of a set of packages, name -> version."""
    versions = {
        REPLACED.get(name.lower(), name): version.partition("+")[0]  # 2.13.0+cpu -> 2.13.0
        for name, version in found.items()
        if name.lower() not in LEFT_OUT | {"worldsim"}
    }
    lines = [f"{name}=={versions[name]}\n" for name in sorted(versions, key=str.lower)]
    (ROOT / name).write_text(HEADER.format(name=name) + "".join(lines), encoding="utf-8")
    sys.stderr.write(f"{name}: {len(lines)} packages\n")


def main() -> None:
    """Write every lock."""
    for name, (extras, further) in SETS.items():
        found = resolve(f"{ROOT}[{extras}]", *further, *ALWAYS) | resolve("--no-deps", *BESIDE)
        write(name, found)
    write("setup/docs.lock", resolve(*for_docs()))


if __name__ == "__main__":
    main()
