"""What the object is as a body: the factors ``shape``, ``size`` and ``physics``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np

from envs.slots import MESH_HALF_SIZES, add_meshes
from envs.variations.colours import objects_geoms
from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Names, Ranges, Spans, disjoint, span


@dataclass(frozen=True)
class Family:
    """Shapes of one kind: half the width a gripper closes on, and length and height over width."""

    kind: str
    width_m: Spans
    length: Spans
    height: Spans

    def ranges(self) -> Ranges:
        """Kind and proportions."""
        return {
            "kind": Names((self.kind,)),
            "length": self.length,
            "height": self.height,
        }

    def __str__(self) -> str:
        if self.kind in MESH_HALF_SIZES:
            return self.kind
        width = Spans(tuple((200 * a, 200 * b) for a, b in self.width_m.parts))
        return f"{self.kind} {width} cm wide, length {self.length}, height {self.height} widths"


def _family(
    kind: str,
    width: tuple[float, float],
    length: tuple[float, float],
    height: tuple[float, float],
) -> Family:
    return Family(kind, span(width), span(length), span(height))


def _meshes() -> tuple[Family, ...]:
    return tuple(
        _family(kind, (half[1], half[1]), (half[0] / half[1],) * 2, (half[2] / half[1],) * 2)
        for kind, half in MESH_HALF_SIZES.items()
    )


class Shape(Ranged):
    """Kind and half extents of the object: ``{"kind": ..., "half_size": [x, y, z]}``.

    Held out: proportions, the extremes of them, then robosuite's own objects.
    """

    name = "shape"
    FAMILIES: ClassVar[Mapping[str, tuple[Family, ...]]] = {
        "training": (
            _family("box", (0.016, 0.026), (1.0, 1.8), (0.8, 2.5)),
            _family("cylinder", (0.018, 0.028), (1.0, 1.0), (0.8, 2.5)),
            _family("ellipsoid", (0.02, 0.028), (1.0, 1.8), (0.6, 0.9)),
            _family("capsule", (0.017, 0.024), (1.5, 2.2), (1.0, 1.0)),
            _family("mug", (0.021, 0.027), (1.6, 1.8), (1.0, 1.7)),
            _family("stairs", (0.018, 0.028), (1.0, 1.8), (0.9, 1.8)),
            _family("bobbin", (0.018, 0.026), (1.6, 2.2), (0.8, 1.2)),
        ),
        "validation": (
            _family("box", (0.016, 0.02), (2.0, 2.3), (0.8, 1.2)),
            _family("cylinder", (0.018, 0.02), (1.0, 1.0), (2.6, 2.8)),
            _family("cross", (0.02, 0.026), (1.2, 1.6), (0.8, 1.2)),
        ),
        "held-out:1": (
            _family("box", (0.015, 0.018), (2.4, 2.8), (0.9, 1.2)),
            _family("box", (0.016, 0.018), (1.0, 1.0), (2.7, 3.0)),
            _family("box", (0.024, 0.03), (1.0, 1.4), (0.55, 0.65)),
            _family("cylinder", (0.026, 0.031), (1.0, 1.0), (0.55, 0.68)),
        ),
        "held-out:2": (
            _family("box", (0.013, 0.016), (3.0, 3.8), (0.9, 1.1)),
            _family("box", (0.014, 0.016), (1.0, 1.0), (3.2, 3.7)),
            _family("box", (0.026, 0.031), (1.0, 1.3), (0.4, 0.5)),
            _family("cylinder", (0.028, 0.032), (1.0, 1.0), (0.42, 0.52)),
        ),
        "held-out:3": _meshes(),
    }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One family, then one shape of it."""
        families = self.FAMILIES[self.level]
        family = families[int(rng.integers(len(families)))]
        y = family.width_m.draw(rng)
        length, height = family.length.draw(rng), family.height.draw(rng)
        return {
            "kind": family.kind,
            "half_size": [round(y * r, 6) for r in (length, 1.0, height)],
        }

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add the meshes."""
        add_meshes(spec)

    @classmethod
    def apart(cls, first: str, second: str) -> bool:
        """Whether no shape of one level is one of the other."""
        pairs = ((a, b) for a in cls.FAMILIES[first] for b in cls.FAMILIES[second])
        return all(disjoint(a.ranges(), b.ranges()) for a, b in pairs)

    @classmethod
    def describe(cls, level: str) -> dict[str, str]:
        """The families of a level."""
        return {"families": "<br>".join(str(family) for family in cls.FAMILIES[level])}


class Size(Ranged):
    """A factor on the object's size: ``{"factor": ...}``."""

    name = "size"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {"factor": span((0.85, 1.15))},
        "validation": {"factor": span((0.8, 0.83), (1.17, 1.2))},
        "held-out:1": {"factor": span((0.73, 0.78), (1.21, 1.24))},
        "held-out:2": {"factor": span((0.66, 0.71), (1.25, 1.29))},
        "held-out:3": {"factor": span((0.56, 0.63), (1.3, 1.35))},
    }


PADS = ("gripper0_right_finger1_pad_collision", "gripper0_right_finger2_pad_collision")


class Physics(Ranged):
    """Weight and grip.

    Factors on the object's ``mass``, its ``friction`` on the table and the finger pads' ``grip``.
    """

    name = "physics"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "mass": span((0.6, 1.8)),
            "friction": span((0.6, 1.3)),
            "grip": span((0.7, 1.2)),
        },
        "validation": {
            "mass": span((0.5, 0.57), (1.9, 2.2)),
            "friction": span((0.5, 0.57), (1.35, 1.5)),
            "grip": span((0.62, 0.68), (1.22, 1.3)),
        },
        "held-out:1": {
            "mass": span((0.4, 0.48), (2.3, 2.8)),
            "friction": span((0.42, 0.5), (1.5, 1.6)),
            "grip": span((0.56, 0.62)),
        },
        "held-out:2": {
            "mass": span((0.3, 0.4), (2.8, 3.5)),
            "friction": span((0.34, 0.42), (1.6, 1.8)),
            "grip": span((0.5, 0.56)),
        },
        "held-out:3": {
            "mass": span((0.2, 0.28), (3.5, 4.5)),
            "friction": span((0.25, 0.33), (1.8, 2.0)),
            "grip": span((0.42, 0.5)),
        },
    }

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Scale mass and inertia, and the sliding friction of object and pads."""
        geoms = objects_geoms(model)
        bodies = np.unique(model.geom_bodyid[geoms])
        model.body_mass[bodies] *= parameters["mass"]
        model.body_inertia[bodies] *= parameters["mass"]
        model.geom_friction[geoms, 0] *= parameters["friction"]
        for pad in PADS:
            model.geom(pad).friction[0] *= parameters["grip"]
