"""Which OpenGL library is asked for to draw with; known before MuJoCo is imported."""

from __future__ import annotations

import os

from envs.errors import UserError

BACKENDS: dict[str, str] = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa"}
"""Name in ``MUJOCO_GL`` -> module that opens a context with it."""


def requested_backend() -> str | None:
    """What ``MUJOCO_GL`` asks for, or None.

    Raises:
        ValueError: it asks for something that is not offered.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked and asked not in BACKENDS:
        raise UserError(
            f"MUJOCO_GL={asked} is not offered: allowed are {' and '.join(BACKENDS)}, or nothing"
        )
    return asked or None
