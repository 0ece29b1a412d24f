"""What may look or be shaped differently from one episode to the next.

A variation is a tuple of named factors; ``default`` is the training distribution. A factor draws
its parameters, fit for JSON, and writes them into a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from envs.spec import check_choice

if TYPE_CHECKING:
    import mujoco


class Factor(Protocol):
    """One way in which episodes differ.

    The environment itself reads the parameters of ``shape`` ({"kind"}), ``size`` ({"factor"}) and
    ``start`` ({"tool", "yaw"}). ``image`` also offers ``alter(image, parameters)``, for every
    picture; ``goal-look`` is applied only while goal pictures are drawn. A factor that needs more
    in the scene than is there offers ``prepare(spec)``, called when a scene is composed.
    """

    @property
    def name(self) -> str:
        """What the factor is called."""
        ...

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draw parameters."""
        ...

    def apply(self, model: mujoco.MjModel, parameters: Mapping[str, Any]) -> None:
        """Write parameters into a model; what derives from masses is refreshed afterwards."""
        ...


@dataclass(frozen=True)
class Variation:
    """A distribution over episodes.

    Attributes:
        name: on the command line.
        factors: what differs from ``default``; its own factors where one has the same name.
    """

    name: str
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Shape:
    """The object's kind."""

    kinds: tuple[str, ...]
    name: str = "shape"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """{"kind"}."""
        return {"kind": self.kinds[rng.integers(len(self.kinds))]}

    def apply(self, model: mujoco.MjModel, parameters: Mapping[str, Any]) -> None:
        """Nothing: scenes are composed of the kinds."""


@dataclass(frozen=True)
class Size:
    """The object's size as a factor on its kind's."""

    low: float
    high: float
    name: str = "size"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """{"factor"}."""
        return {"factor": float(rng.uniform(self.low, self.high))}

    def apply(self, model: mujoco.MjModel, parameters: Mapping[str, Any]) -> None:
        """Nothing: the scene resizes its objects."""


@dataclass(frozen=True)
class Colour:
    """The object's colour, slightly off one of a few."""

    colours: tuple[tuple[float, float, float], ...]
    name: str = "colour"

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """{"rgba"} in [0, 1]."""
        base = np.asarray(self.colours[rng.integers(len(self.colours))])
        rgb = np.clip(base + rng.uniform(-0.06, 0.06, 3), 0.0, 1.0)
        return {"rgba": [*rgb.tolist(), 1.0]}

    def apply(self, model: mujoco.MjModel, parameters: Mapping[str, Any]) -> None:
        """Paint the object, where there is one."""
        for geom in range(model.ngeom):
            if model.geom(geom).name.startswith("object_geom"):
                model.geom_rgba[geom] = parameters["rgba"]


TRAIN_COLOURS = (
    (0.85, 0.15, 0.12),
    (0.10, 0.55, 0.20),
    (0.12, 0.28, 0.80),
    (0.93, 0.75, 0.10),
    (0.55, 0.18, 0.60),
    (0.95, 0.45, 0.10),
)

VARIATIONS: dict[str, Variation] = {}


def register_variation(name: str, factors: tuple[Factor, ...]) -> None:
    """Make a variation known under a name.

    Raises:
        ValueError: the name is taken, or two factors share one.
    """
    if name in VARIATIONS:
        raise ValueError(f"there is another variation {name!r}")
    names = [factor.name for factor in factors]
    if len(set(names)) < len(names):
        raise ValueError(f"factors {', '.join(names)} are not different: a name is given twice")
    VARIATIONS[name] = Variation(name, tuple(factors))


def get_variation(name: str) -> Variation:
    """The variation of that name; a ValueError names the allowed ones."""
    check_choice("variation", name, tuple(VARIATIONS))
    return VARIATIONS[name]


register_variation(
    "default",
    (Shape(("cube", "can", "bread", "milk")), Size(0.85, 1.15), Colour(TRAIN_COLOURS)),
)
