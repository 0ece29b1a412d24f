"""Write requirements.lock: exact versions of everything a set-up installs, from a clean resolve.

    make lock

Two changes are made to what pip resolves: packages that need a compiler and that nothing here
imports are left out, and OpenCV comes without its windows (which need X libraries).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "scenes,train,sweep,official,dev"
BUILD_TOOLS = ("setuptools>=77.0.3",)  # so that the project installs without build isolation

LEFT_OUT = {"pynput", "evdev", "python-xlib"}
"""robosuite's keyboard: imported by its teleoperation scripts only; evdev is built from source."""

REPLACED = {"opencv-python": "opencv-python-headless"}
"""robosuite imports cv2 for its on-screen viewer; the headless build has the same versions."""

HEADER = """\
# Exact versions of everything `make setup` installs. Written by `make lock`; do not edit.
# Install with:  pip install --no-deps -r requirements.lock
"""


def resolve() -> dict[str, str]:
    """Name -> version of what pip would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    wanted = [f"{ROOT}[{EXTRAS}]", *BUILD_TOOLS]
    report = subprocess.run(
        [*command, "--report", "-", *wanted], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found = (package["metadata"] for package in json.loads(report)["install"])
    return {package["name"]: package["version"] for package in found}


def main() -> None:
    """Resolve and write the lock."""
    versions = {
        REPLACED.get(name.lower(), name): version.partition("+")[0]  # 2.13.0+cpu -> 2.13.0
        for name, version in resolve().items()
        if name.lower() not in LEFT_OUT | {"worldsim"}
    }
    lines = [f"{name}=={versions[name]}\n" for name in sorted(versions, key=str.lower)]
    (ROOT / "requirements.lock").write_text(HEADER + "".join(lines), encoding="utf-8")
    sys.stderr.write(f"requirements.lock: {len(lines)} packages\n")


if __name__ == "__main__":
    main()
