"""Composes a scene's model when it is loaded: the shipped base and a list of objects.

The base (``envs/assets/scene.xml``, made once by ``python -m envs.scene_build`` from robosuite's
models) holds a Panda at a table, light and cameras; the objects come first after it, the platform
last. Loading needs mujoco only. Names in every model: joints ``robot0_joint1..7`` and
``gripper0_right_finger_joint1/2`` with position actuators of the same names; site
``gripper0_right_grip_site`` (the tool centre); bodies ``robot0_base``, ``platform`` and ``object``,
``object2`` ... with the free joints ``object_joint``, ``object2_joint`` ... and the geoms
``object_geom``, ``object2_geom`` ... (a further part of an object: ``object_geom2`` ...); geoms
``table_geom`` and ``platform_geom``; site ``goal``; cameras ``left``, ``right`` and ``wrist``.
Colours are plain ``model.geom_rgba`` entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.errors import UserError
from envs.geometry import PARKED_Z, PLATFORM_HALF_SIZE, TABLE_TOP_Z
from envs.objects import DENSITY, ObjectKind, get_object

Array = NDArray[np.float64]

ASSETS = Path(__file__).resolve().parent / "assets"
BASE = ASSETS / "scene.xml"
MOST_OBJECTS = 4
IMPEDANCE = 0.995
SOLIMP = (0.98, IMPEDANCE, 0.001)
"""Harder than robosuite's (0.9 0.95): an object pressed on the table sinks 3 mm, not 20."""
# Critically damped and as stiff as the time step allows; robosuite's can (0.01 0.5) bounces, and
# its margin of 1 mm makes it hover.
SOLREF = (0.008, 1.0)
PLATFORM_RGBA = (0.20, 0.55, 0.35, 1.0)
TYPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "mesh": mujoco.mjtGeom.mjGEOM_MESH,
}


EXTENT_M = 3.3066468985600586
"""MuJoCo's own ``stat.extent`` of the base. The clipping planes of all cameras are measured by it,
and must stay where they are whatever is added to a scene."""


def object_name(index: int) -> str:
    """Body name of the object at a place in the list: object, object2, object3, object4."""
    return "object" if index == 0 else f"object{index + 1}"


def load_model(
    kinds: Sequence[str] = (), prepare: Sequence[Callable[[mujoco.MjSpec], None]] = ()
) -> mujoco.MjModel:
    """Compile the scene that holds a list of objects.

    Args:
        kinds: up to ``MOST_OBJECTS`` names of ``envs.objects.OBJECTS``.
        prepare: what else goes into the scene, each called with its ``MjSpec``.

    Returns:
        A new model, which the caller may change in place: sizes by :func:`resize_object`,
        colours, lights, cameras and the platform's place directly. ``opt.timestep`` is not to be
        raised: the grip's contact damping is tuned to it.

    Raises:
        ValueError: a kind is not known, or there are too many.
        FileNotFoundError: the shipped files are missing.
    """
    if isinstance(kinds, str):
        raise UserError(f"kinds must be a list of names, not the string {kinds!r}")
    if len(kinds) > MOST_OBJECTS:
        raise UserError(f"{len(kinds)} objects given: allowed are 0 to {MOST_OBJECTS}")
    if not BASE.is_file():
        raise FileNotFoundError(
            f"scene file {BASE} is missing; rebuild with: python -m envs.scene_build"
        )
    spec = mujoco.MjSpec.from_file(str(BASE))
    for index, name in enumerate(kinds):
        _add_object(spec, object_name(index), get_object(name))
    _add_platform(spec)
    for change in prepare:
        change(spec)
    return spec.compile()


def _add_object(spec: mujoco.MjSpec, name: str, kind: ObjectKind) -> None:
    """One free body, standing in the middle of the table."""
    body = spec.worldbody.add_body(name=name, pos=[0, 0, round(TABLE_TOP_Z + kind.half_size[2], 6)])
    for number, part in enumerate(kind.parts, start=1):
        mesh = None
        if part.mesh is not None:
            mesh = f"{name}_mesh{number}"
            spec.add_mesh(name=mesh, file=part.mesh)
        geom = body.add_geom(
            name=f"{name}_geom" + ("" if number == 1 else str(number)),
            type=TYPES[part.shape],
            size=part.size,
            pos=part.position,
            quat=part.quaternion,
            density=DENSITY,
            rgba=kind.rgba,
            friction=kind.friction,
            contype=1,
            conaffinity=3,
            group=0,
            solref=SOLREF,
            margin=0,
        )
        geom.solimp[: len(SOLIMP)] = SOLIMP
        if mesh is not None:
            geom.meshname = mesh
    joint = body.add_joint(name=f"{name}_joint", type=mujoco.mjtJoint.mjJNT_FREE)
    damping = np.array(joint.damping)  # one number, or since MuJoCo 3.9 that and further orders
    damping.flat[0] = kind.damping
    joint.damping = damping


def _add_platform(spec: mujoco.MjSpec) -> None:
    """A box to put things on, parked below the floor."""
    body = spec.worldbody.add_body(name="platform", pos=[0, 0, PARKED_Z])
    geom = body.add_geom(
        name="platform_geom",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=PLATFORM_HALF_SIZE,
        rgba=PLATFORM_RGBA,
        contype=1,
        conaffinity=3,
        group=0,
    )
    geom.solimp[: len(SOLIMP)] = SOLIMP


def resize_object(
    model: mujoco.MjModel, kind: ObjectKind, half_size: ArrayLike, name: str = "object"
) -> None:
    """Resize an object of ``model`` in place, at constant density.

    Shape, bounds, mass and inertia become those of a model compiled with that size; ``mj_setConst``
    must then derive the rest. Boxes and cylinders take any size and forget the one before; other
    kinds are scaled evenly and must have their compiled size.

    Args:
        model: a model of :func:`load_model`.
        kind: what the object is.
        half_size: (3,) half extents in the object's frame, m; a cylinder needs x = y.
        name: of the object's body.

    Raises:
        ValueError: the size does not fit the kind.
    """
    size = np.asarray(half_size, dtype=np.float64)
    if size.shape != (3,) or not np.all(np.isfinite(size)) or np.any(size <= 0):
        raise UserError(f"half_size must be three positive lengths in metres, got {half_size!r}")
    shapes = {part.shape for part in kind.parts}
    if len(kind.parts) == 1 and shapes == {"box"}:
        _resize_box(model, name, size)
    elif len(kind.parts) == 1 and shapes == {"cylinder"}:
        _resize_cylinder(model, name, size)
    else:
        _scale(model, kind, name, size)


def _resize_box(model: mujoco.MjModel, name: str, size: Array) -> None:
    geom = model.geom(f"{name}_geom")
    x, y, z = (2 * size).tolist()
    geom.size[:] = size
    mass = DENSITY * x * y * z
    inertia = (
        mass / 12 * (y * y + z * z),
        mass / 12 * (x * x + z * z),
        mass / 12 * (x * x + y * y),
    )
    model.geom_rbound[geom.id] = np.linalg.norm(size)
    _set_body(model, name, size, mass, inertia)


def _resize_cylinder(model: mujoco.MjModel, name: str, size: Array) -> None:
    geom = model.geom(f"{name}_geom")
    radius, z = size[0], 2 * float(size[2])
    if size[0] != size[1]:
        raise UserError(f"a cylinder needs equal x and y half extents, got {size.tolist()}")
    geom.size[:] = radius, size[2], 0.0
    mass = DENSITY * np.pi * radius**2 * z
    side = mass * (3 * radius**2 + z**2) / 12
    model.geom_rbound[geom.id] = np.hypot(radius, size[2])
    _set_body(model, name, size, mass, (side, side, mass * radius**2 / 2))


def _set_body(
    model: mujoco.MjModel,
    name: str,
    size: Array,
    mass: float,
    inertia: tuple[float, float, float],
) -> None:
    """Bounds, mass and inertia of a body of one centred geom."""
    body = model.body(name)
    model.geom_aabb[model.geom(f"{name}_geom").id, 3:] = size
    model.bvh_aabb[model.body_bvhadr[body.id], 3:] = size
    body.mass[:] = mass
    body.inertia[:] = inertia


def _scale(model: mujoco.MjModel, kind: ObjectKind, name: str, size: Array) -> None:
    """Scale a freshly compiled object evenly."""
    factors = size / kind.half_size
    if not np.allclose(factors, factors[0]):
        raise UserError(
            f"object kind {kind.name!r} is scaled evenly from {kind.half_size}, got {size.tolist()}"
        )
    if np.allclose(factors[0], 1.0):
        return
    if not kind.resizable:
        raise UserError(f"object kind {kind.name!r} is made of meshes: it has one size")
    factor, body = float(factors[0]), model.body(name)
    geoms = np.flatnonzero(model.geom_bodyid == body.id)
    for field in (model.geom_size, model.geom_pos, model.geom_rbound, model.geom_aabb):
        field[geoms] *= factor
    first = model.body_bvhadr[body.id]
    model.bvh_aabb[first : first + model.body_bvhnum[body.id]] *= factor
    body.ipos[:] *= factor
    body.mass[:] *= factor**3
    body.inertia[:] *= factor**5
