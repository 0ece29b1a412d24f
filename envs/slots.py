"""Shapes of any proportions, in a body that can take each of them without recompiling its scene.

Such a body (an object of the kind ``any``) has ``SLOTS`` geoms; :func:`install` turns them into a
box, a mug or a lemon in the compiled model. Every shape is described by its half extents (3,): x
along its length, y across the width a gripper closes on, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.compose import TYPES
from envs.objects import SLOTS, Part

MESHES = Path(__file__).resolve().parent / "assets" / "objects"
HIDDEN_GROUP = 4
"""Geom group of empty slots; it is never drawn."""

ROLLING_FRICTION_M = 0.002
"""Of :data:`ROLLS`, which would roll for ever."""

Array = NDArray[np.float64]
Half = tuple[float, float, float]
_ALONG_X = (np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0)


def _box(half: Half) -> tuple[Part, ...]:
    return (Part("box", half),)


def _cylinder(half: Half) -> tuple[Part, ...]:
    return (Part("cylinder", (half[1], half[2], 0.0)),)


def _ellipsoid(half: Half) -> tuple[Part, ...]:
    return (Part("ellipsoid", half),)


def _capsule(half: Half) -> tuple[Part, ...]:
    """Lying along x."""
    return (Part("capsule", (half[1], half[0] - half[1], 0.0), quaternion=_ALONG_X),)


def _mug(half: Half) -> tuple[Part, ...]:
    """A cylinder with a handle of three rods towards +x."""
    x, y, z = half
    rod = 0.12 * y
    reach = x - rod
    middle, length = (0.8 * y + reach) / 2, (reach - 0.8 * y) / 2
    return (
        Part("cylinder", (y, z, 0.0)),
        Part("capsule", (rod, length, 0.0), (middle, 0.0, 0.5 * z), _ALONG_X),
        Part("capsule", (rod, length, 0.0), (middle, 0.0, -0.5 * z), _ALONG_X),
        Part("capsule", (rod, 0.5 * z, 0.0), (reach, 0.0, 0.0)),
    )


def _stairs(half: Half) -> tuple[Part, ...]:
    """A wide block below a narrow one."""
    x, y, z = half
    return (
        Part("box", (x, y, 0.5 * z), (0.0, 0.0, -0.5 * z)),
        Part("box", (0.6 * x, 0.8 * y, 0.5 * z), (0.0, 0.0, 0.5 * z)),
    )


def _bobbin(half: Half) -> tuple[Part, ...]:
    """Two flat blocks at the ends of a bar along x, whose round ends stand out a little."""
    x, y, z = half
    end = 0.2 * x
    return (
        Part("capsule", (0.8 * min(y, z), x - 2 * end, 0.0), quaternion=_ALONG_X),
        Part("box", (end, y, z), (x - end, 0.0, 0.0)),
        Part("box", (end, y, z), (end - x, 0.0, 0.0)),
    )


def _cross(half: Half) -> tuple[Part, ...]:
    """Two crossing bars, the longer one along x."""
    x, y, z = half
    return (Part("box", (x, 0.55 * y, z)), Part("box", (0.4 * x, y, z)))


SHAPES: Mapping[str, Callable[[Half], tuple[Part, ...]]] = MappingProxyType(
    {
        "box": _box,
        "cylinder": _cylinder,
        "ellipsoid": _ellipsoid,
        "capsule": _capsule,
        "mug": _mug,
        "stairs": _stairs,
        "bobbin": _bobbin,
        "cross": _cross,
    }
)
"""Kind of shape -> its parts for given half extents."""

MESH_HALF_SIZES: Mapping[str, Half] = MappingProxyType(
    {
        "cereal": (0.035, 0.0105, 0.0525),
        "lemon": (0.0337, 0.0199, 0.0198),
        "bottle": (0.0187, 0.0199, 0.0544),
        "loaf": (0.024, 0.02, 0.024),
        "carton": (0.0149, 0.0149, 0.054),
        "tin": (0.0254, 0.0251, 0.04),
    }
)
"""Half extents of each mesh (robosuite's objects), m: a mesh has one size."""

_BOTTLE = (
    Part("cylinder", (0.0185, 0.034, 0.0), (0.0, 0.0, -0.0204)),
    Part("cylinder", (0.0085, 0.0204, 0.0), (0.0, 0.0, 0.034)),
)
_MESH_SOLIDS: Mapping[str, tuple[Part, ...]] = MappingProxyType(
    {
        "cereal": _box(MESH_HALF_SIZES["cereal"]),
        "lemon": _ellipsoid(MESH_HALF_SIZES["lemon"]),
        "bottle": _BOTTLE,
        "loaf": _box(MESH_HALF_SIZES["loaf"]),
        "carton": _box(MESH_HALF_SIZES["carton"]),
        "tin": _cylinder(MESH_HALF_SIZES["tin"]),
    }
)
"""What is solid of each mesh: the hull of a mesh itself rocks on its corners without end."""

ROLLS = ("ellipsoid", "capsule", "lemon")


LARGEST_HALF_M = np.array([0.09, 0.0325, 0.065])
"""(3,) what the gripper can take: its fingers open 8 cm, and pass above at the start."""


def graspable(half_size: Array) -> Array:
    """Half extents (3,) m scaled down evenly as far as the gripper needs."""
    return half_size * min(1.0, float((LARGEST_HALF_M / half_size).min()))


def parts_of(kind: str, half_size: Half | Array) -> tuple[Part, ...]:
    """The geoms of a shape; ``half_size`` (3,) m does not change a mesh.

    A mesh comes last, is drawn and not solid; the parts before it are solid and not drawn.
    """
    if kind in MESH_HALF_SIZES:
        return (*_MESH_SOLIDS[kind], Part("mesh", mesh=kind))
    x, y, z = (float(half) for half in half_size)
    return SHAPES[kind]((x, y, z))


def add_meshes(spec: mujoco.MjSpec) -> None:
    """Give a scene the meshes that :func:`install` may choose, unless it has them."""
    for name in MESH_HALF_SIZES:
        if spec.mesh(name) is None:
            spec.add_mesh(name=name, file=str(MESHES / f"{name}.stl"))


def add_slots(body: Any, name: str) -> None:
    """Add the geoms ``{name}``, ``{name}2`` … to a body of a spec, for :func:`install`."""
    for slot in range(1, SLOTS + 1):
        geom = body.add_geom(name=name if slot == 1 else f"{name}{slot}")
        geom.type, geom.size = TYPES["box"], [0.01, 0.01, 0.01]
        geom.contype, geom.conaffinity = 1, 3
    if hasattr(body, "simple"):
        # MuJoCo 4 would take the frame of what is empty yet for one that never moves.
        body.simple = 0


def install(
    model: mujoco.MjModel,
    body: int,
    kind: str,
    half_size: Half | Array,
    density: float,
) -> None:
    """Give a body of a compiled scene a shape, in place.

    Shape, bounds, mass and inertia become those of a model compiled with it; what derives from
    them is for ``mj_setConst``. Colours stay as they are, contact settings too but for those of
    shapes that roll.

    Args:
        model: a scene with the meshes of :func:`add_meshes`, the body as it was compiled.
        body: id of a body of the kind ``any``, or made by :func:`add_slots`.
        kind: a key of :data:`SHAPES` or :data:`MESH_HALF_SIZES`.
        half_size: (3,) half extents in the body's frame, m.
        density: kg/m^3.
    """
    parts = parts_of(kind, half_size)
    alone = _compile(parts, density)
    first = int(model.body_geomadr[body])
    geoms = slice(first, first + SLOTS)
    for field in ("type", "pos", "quat", "size", "rbound", "aabb", "sameframe"):
        getattr(model, f"geom_{field}")[geoms] = getattr(alone, f"geom_{field}")
    for field in ("mass", "inertia", "ipos", "iquat", "sameframe"):
        getattr(model, f"body_{field}")[body] = getattr(alone, f"body_{field}")[1]
    used = np.arange(first, first + len(parts))
    solid, drawn = (used[:-1], used[-1:]) if parts[-1].mesh else (used, used)
    hollow = np.setdiff1d(np.arange(first, first + SLOTS), solid)
    model.geom_dataid[used] = [model.mesh(part.mesh).id if part.mesh else -1 for part in parts]
    model.geom_group[geoms] = HIDDEN_GROUP
    model.geom_group[drawn] = 0
    model.geom_contype[hollow], model.geom_conaffinity[hollow] = 0, 0
    if kind in ROLLS:
        model.geom_condim[solid], model.geom_friction[solid, 2] = 6, ROLLING_FRICTION_M
    # One box round the whole body at every node of its tree: never wrong, and small anyway.
    nodes = slice(model.body_bvhadr[body], model.body_bvhadr[body] + model.body_bvhnum[body])
    model.bvh_aabb[nodes] = alone.bvh_aabb[alone.body_bvhadr[1]]


def _compile(parts: tuple[Part, ...], density: float) -> mujoco.MjModel:
    """A model of one body with these parts, and empty ones up to ``SLOTS``."""
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body()
    body.add_freejoint()
    for part in parts:
        geom = body.add_geom(type=TYPES[part.shape], density=density)
        geom.pos, geom.quat, geom.size = part.position, part.quaternion, part.size
        if part.mesh:
            spec.add_mesh(name=part.mesh, file=str(MESHES / f"{part.mesh}.stl"))
            geom.meshname, geom.mass = part.mesh, 0.0
            geom.contype, geom.conaffinity = 0, 0
    for _ in range(SLOTS - len(parts)):
        empty = body.add_geom(type=TYPES["box"], size=[1e-3] * 3, mass=0)
        empty.contype, empty.conaffinity = 0, 0
    return spec.compile()
