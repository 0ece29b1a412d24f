"""The ``camera`` factor (small errors of mounting) and ``viewpoint`` (another tripod)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Ranges, both_sides, span

Array = NDArray[np.float64]

EXTERIOR = ("left", "right")
CENTRE = np.array([0.0, 0.0, 0.9])
"""(3,) point in the world that viewpoints turn around, m: just above the table's middle."""


class Camera(Ranged):
    """Shift, turn and field of view of every camera, each a little otherwise.

    Parameters of each camera: ``shift_cm`` (3,) along its own right, up and back, while it keeps
    looking where it did, ``turn_deg`` (3,) about the same axes, ``zoom`` of its field of view. The
    wrist camera, which looks from a hand's breadth, shifts by a tenth.
    """

    name = "camera"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "shift_cm": both_sides(0, 3),
            "turn_deg": both_sides(0, 1.5),
            "zoom": span((0.95, 1.05)),
        },
        "validation": {
            "shift_cm": both_sides(3.2, 4.2),
            "turn_deg": both_sides(1.6, 1.9),
            "zoom": span((1.06, 1.08)),
        },
        "held-out:1": {
            "shift_cm": both_sides(4.5, 6),
            "turn_deg": both_sides(1.6, 2),
            "zoom": span((0.91, 0.94), (1.06, 1.09)),
        },
        "held-out:2": {
            "shift_cm": both_sides(6, 9),
            "turn_deg": both_sides(2, 2.7),
            "zoom": span((1.1, 1.16)),
        },
        "held-out:3": {
            "shift_cm": both_sides(9, 13),
            "turn_deg": both_sides(2.7, 3.5),
            "zoom": span((1.18, 1.26)),
        },
    }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Errors of each camera."""
        ranges = self.RANGES[self.level]
        return {
            camera: {
                "shift_cm": [ranges["shift_cm"].draw(rng) for _ in range(3)],
                "turn_deg": [ranges["turn_deg"].draw(rng) for _ in range(3)],
                "zoom": ranges["zoom"].draw(rng),
            }
            for camera in (*EXTERIOR, "wrist")
        }

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Move the cameras from where they are."""
        for name, error in parameters.items():
            camera = model.camera(name)
            axes = Rotation.from_quat(camera.quat[[1, 2, 3, 0]])
            distance = 0.1 if name == "wrist" else _distance(camera.pos)
            shift = np.array(error["shift_cm"]) / (1000 if name == "wrist" else 100)
            aim = camera.pos - distance * axes.as_matrix()[:, 2]
            camera.pos[:] += axes.apply(shift)
            looking = _look(camera.pos - aim, axes.as_matrix()[:, 1])
            turned = looking * Rotation.from_euler("xyz", error["turn_deg"], degrees=True)
            camera.quat[:] = turned.as_quat()[[3, 0, 1, 2]]
            camera.fovy[0] *= error["zoom"]


class Viewpoint(Ranged):
    """Exterior cameras carried round the table.

    Parameters: ``around_deg`` about the vertical through the table's middle, ``up_deg`` (added to
    the elevation of 28 degrees) and ``distance`` as a factor.
    """

    name = "viewpoint"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "around_deg": both_sides(0, 10),
            "up_deg": span((-4, 8)),
            "distance": span((0.95, 1.1)),
        },
        "validation": {
            "around_deg": both_sides(11, 14),
            "up_deg": span((9, 12)),
            "distance": span((0.95, 1.15)),
        },
        "held-out:1": {
            "around_deg": both_sides(15, 22),
            "up_deg": span((-4, 8)),
            "distance": span((0.95, 1.1)),
        },
        "held-out:2": {
            "around_deg": both_sides(24, 34),
            "up_deg": span((-6, 14)),
            "distance": span((0.95, 1.1)),
        },
        "held-out:3": {
            "around_deg": both_sides(36, 48),
            "up_deg": span((-8, -5), (14, 24)),
            "distance": span((0.95, 1.12)),
        },
    }

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Carry both cameras round."""
        around = Rotation.from_euler("z", parameters["around_deg"], degrees=True)
        for name in EXTERIOR:
            camera = model.camera(name)
            arm = around.apply(camera.pos - CENTRE)
            level = np.cross([0.0, 0.0, 1.0], arm)
            level /= np.linalg.norm(level)
            lift = Rotation.from_rotvec(-np.deg2rad(parameters["up_deg"]) * level)
            turn = lift * around
            axes = turn * Rotation.from_quat(camera.quat[[1, 2, 3, 0]])
            camera.pos[:] = CENTRE + parameters["distance"] * lift.apply(arm)
            camera.quat[:] = axes.as_quat()[[3, 0, 1, 2]]


def _distance(position: Array) -> float:
    """From a camera to what it looks at, m."""
    return float(np.linalg.norm(position - CENTRE))


def _look(backward: Array, up: Array) -> Rotation:
    """Axes of a camera that looks against ``backward`` (3,)."""
    back = backward / np.linalg.norm(backward)
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    return Rotation.from_matrix(np.stack([right, np.cross(back, right), back], axis=1))
