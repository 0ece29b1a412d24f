"""The kinds of object a scene may hold, and how a further kind is added.

    register_object(ObjectKind("ball", (0.02, 0.02, 0.02), (Part("sphere", (0.02, 0.0, 0.0)),)))

A kind is a rigid body of one or more convex parts of one density, resting on its lowest face.
"""

from __future__ import annotations

from dataclasses import dataclass

from envs.errors import UserError
from envs.spec import check_choice

DENSITY = 1000.0
"""Density of every object, kg/m^3 (robosuite's default)."""

SHAPES = ("box", "cylinder", "sphere", "capsule", "ellipsoid", "mesh")


@dataclass(frozen=True)
class Part:
    """One convex geom of an object.

    Attributes:
        shape: one of ``SHAPES``.
        size: (3,) MuJoCo's sizes of that shape, m; of a mesh nothing.
        position: (3,) in the object's frame, m.
        quaternion: (4,) w, x, y, z in the object's frame.
        mesh: absolute path of a mesh file; the collision shape is its convex hull.
    """

    shape: str
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    mesh: str | None = None


@dataclass(frozen=True)
class ObjectKind:
    """A kind of object.

    Attributes:
        name: what it is called.
        half_size: (3,) half extents of its box around its frame, m, as it rests on a table.
        parts: its geoms.
        rgba: (4,) its own colour, where no variation gives it one.
        friction: (3,) sliding, torsional and rolling.
        damping: of its free joint.
    """

    name: str
    half_size: tuple[float, float, float]
    parts: tuple[Part, ...]
    rgba: tuple[float, float, float, float] = (0.6, 0.6, 0.6, 1.0)
    friction: tuple[float, float, float] = (1.0, 0.005, 0.0001)
    damping: float = 0.0

    @property
    def resizable(self) -> bool:
        """Whether a compiled model of it can be resized: meshes are uploaded once."""
        return all(part.shape != "mesh" for part in self.parts)


OBJECTS: dict[str, ObjectKind] = {}

SLOTS = 4
"""Parts of the kind :data:`ANY`."""

ANY = "any"
"""The kind that takes any shape: see ``envs.slots``."""


def register_object(kind: ObjectKind) -> None:
    """Make a kind known under its name.

    Raises:
        ValueError: another kind has this name, a part's shape is unknown, or there is no part.
    """
    if kind.name in OBJECTS and OBJECTS[kind.name] != kind:
        raise UserError(f"there is another object kind {kind.name!r}")
    if not kind.parts:
        raise UserError(f"object kind {kind.name!r} has no parts: at least one is needed")
    for part in kind.parts:
        check_choice("shape", part.shape, SHAPES)
    OBJECTS[kind.name] = kind


def get_object(name: str) -> ObjectKind:
    """The kind of that name; a ValueError names the allowed ones."""
    check_choice("object kind", name, tuple(OBJECTS))
    return OBJECTS[name]


def _box(
    name: str, half: tuple[float, float, float], rgba: tuple[float, float, float, float]
) -> ObjectKind:
    return ObjectKind(name, half, (Part("box", half),), rgba)


register_object(_box("cube", (0.02, 0.02, 0.02), (0.85, 0.12, 0.10, 1.0)))
register_object(
    ObjectKind(  # friction and damping are robosuite's of a cylinder
        "can",
        (0.024, 0.024, 0.045),
        (Part("cylinder", (0.024, 0.045, 0.0)),),
        (0.10, 0.35, 0.80, 1.0),
        friction=(1.0, 0.01, 0.001),
        damping=0.0001,
    )
)
register_object(_box("bread", (0.035, 0.02, 0.02), (0.90, 0.55, 0.10, 1.0)))
register_object(_box("milk", (0.02, 0.02, 0.05), (0.55, 0.15, 0.60, 1.0)))
# Off centre: MuJoCo then stores the whole mass matrix, which some shapes need.
_slot = Part("box", (0.01, 0.01, 0.01), (0.001, 0.001, 0.001))
register_object(ObjectKind(ANY, (0.01, 0.01, 0.01), (_slot,) * SLOTS))
