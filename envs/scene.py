"""The simulated scene: a Panda at a table, an object and a platform, as a compiled MuJoCo model.

The scenes are composed once from robosuite's models (``envs/scene_build.py``) and shipped as
self-contained MJCF plus light meshes in ``envs/assets/``, one file per kind of object. Loading one
needs mujoco only. Rebuild the shipped files with

    python -m envs.scene

Names in every model: joints ``robot0_joint1..7`` and ``gripper0_right_finger_joint1/2`` with
position actuators of the same names; site ``gripper0_right_grip_site`` (the tool centre); bodies
``robot0_base``, ``platform`` and (except in ``none``) ``object`` with the free joint
``object_joint``; geoms ``table_geom``, ``platform_geom`` and ``object_geom``; site ``goal``;
cameras ``left``, ``right`` and ``wrist``. Colours are plain ``model.geom_rgba`` entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from envs.errors import UserError

ASSETS = Path(__file__).resolve().parent / "assets"

# World frame: origin on the floor below the table's centre, x away from the robot, z up.
TABLE_TOP_Z = 0.8
"""Height of the table top in the world frame, m (robosuite's Lift)."""

BASE_POS = np.array([-0.56, 0.0, 0.912])
"""World position of the robot-base frame, m; its axes are parallel to the world's."""
BASE_POS.flags.writeable = False

HOME_QPOS = np.array([0.0, 0.24375, 0.0, -2.528157, 0.0, 2.771907, 0.785891])
"""Home joint angles of the arm, rad: the tool is 20 cm above the table at world (-0.1, 0, 1) and
points straight down, Euler (pi, 0, 0); every angle is within 10 degrees of robosuite's."""
HOME_QPOS.flags.writeable = False

FINGER_TRAVEL = 0.04
"""Travel of one finger, m: joint1 runs from 0 (closed) to +0.04, joint2 from 0 to -0.04."""

GRIPPER_OPENING = 2 * FINGER_TRAVEL
"""Distance between the finger pads when fully open, m."""

PLATFORM_HALF_SIZE = np.array([0.05, 0.05, 0.025])
"""Half extents of the platform, m: it stands 5 cm high."""
PLATFORM_HALF_SIZE.flags.writeable = False

PARKED_Z = -1.0
"""World z at which the platform waits, out of sight below the floor, m."""

OBJECT_DENSITY = 1000.0
"""Density of every object, kg/m^3 (robosuite's default)."""

OBJECT_HALF_SIZES: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "cube": (0.02, 0.02, 0.02),
        "can": (0.024, 0.024, 0.045),
        "bread": (0.035, 0.02, 0.02),
        "milk": (0.02, 0.02, 0.05),
    }
)
"""Half extents (x, y, z) of each kind of object as shipped, m; the can is a cylinder along z."""

OBJECT_KINDS: tuple[str, ...] = ("none", *OBJECT_HALF_SIZES)
"""The kinds of scene :func:`load_model` knows; ``none`` holds no object."""


def load_model(kind: str) -> mujoco.MjModel:
    """Compile the shipped scene holding one kind of object.

    Args:
        kind: one of :data:`OBJECT_KINDS`.

    Returns:
        A new model, which the caller may change in place: sizes by :func:`resize_object`,
        colours, lights, cameras and the platform's place directly. ``opt.timestep`` is not to be
        raised: the grip's contact damping is tuned to it.

    Raises:
        ValueError: ``kind`` is not known.
        FileNotFoundError: the shipped files are missing.
    """
    if kind not in OBJECT_KINDS:
        raise UserError(f"unknown object kind {kind!r}; allowed: {', '.join(OBJECT_KINDS)}")
    path = ASSETS / f"{kind}.xml"
    if not path.is_file():
        raise FileNotFoundError(f"scene file {path} is missing; rebuild with: python -m envs.scene")
    return mujoco.MjModel.from_xml_path(str(path))


def resize_object(model: mujoco.MjModel, half_size: ArrayLike) -> None:
    """Resize the object of ``model`` in place, at constant density.

    The result equals a model compiled with that size: shape, bounds, mass and inertia, and what
    MuJoCo derives from them. Any ``MjData`` of the model should be reset afterwards.

    Args:
        model: a model of :func:`load_model`.
        half_size: (3,) half extents in the object's frame, m; a cylinder needs x = y.

    Raises:
        ValueError: the model has no object, or the size does not fit its shape.
    """
    size = np.asarray(half_size, dtype=np.float64)
    if size.shape != (3,) or not np.all(np.isfinite(size)) or np.any(size <= 0):
        raise UserError(f"half_size must be three positive lengths in metres, got {half_size!r}")
    if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, "object") < 0:
        raise UserError("this scene holds no object to resize")
    body, geom = model.body("object"), model.geom("object_geom")
    x, y, z = (2 * size).tolist()
    if geom.type[0] == mujoco.mjtGeom.mjGEOM_CYLINDER:
        if x != y:
            raise UserError(f"a cylinder needs equal x and y half extents, got {half_size!r}")
        geom.size[:] = size[0], size[2], 0.0
        mass = OBJECT_DENSITY * np.pi * size[0] ** 2 * z
        side = mass * (3 * size[0] ** 2 + z**2) / 12
        inertia = side, side, mass * size[0] ** 2 / 2
        model.geom_rbound[geom.id] = np.hypot(size[0], size[2])
    else:
        geom.size[:] = size
        mass = OBJECT_DENSITY * x * y * z
        inertia = (
            mass / 12 * (y * y + z * z),
            mass / 12 * (x * x + z * z),
            mass / 12 * (x * x + y * y),
        )
        model.geom_rbound[geom.id] = np.linalg.norm(size)
    model.geom_aabb[geom.id, 3:] = size
    model.bvh_aabb[model.body_bvhadr[body.id], 3:] = size
    body.mass[:] = mass
    body.inertia[:] = inertia
    mujoco.mj_setConst(model, mujoco.MjData(model))


def main() -> None:
    """Rebuild the shipped scenes; needs the build-time packages."""
    from envs.scene_build import build  # robosuite is imported in there, and only there

    build(ASSETS)


if __name__ == "__main__":
    main()
