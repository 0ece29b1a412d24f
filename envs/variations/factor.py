"""What a variation is made of: named factors, each drawn from a stream of its own.

A factor draws its parameters and writes them into the model. It may also offer

- ``prepare(spec)``: called once as the scene is composed; adds what ``apply`` switches on
  (textures, lamps, bodies). Several factors may need the same thing: whoever comes first adds it.
- ``settle(parameters, taken)``: parameters that depend on where things start; ``taken`` (n, 2)
  are places on the table, in the robot-base frame, m, that must stay free.
- ``alter(image, parameters)``: changes every picture after it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.variations.ranges import Ranges, disjoint

Parameters = Mapping[str, Any]


class Factor(Protocol):
    """One thing that differs from episode to episode."""

    @property
    def name(self) -> str:
        """Name of the factor; parameters of ``shape``, ``size`` and ``start`` are the env's."""
        ...

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Parameters of one episode, as JSON can hold them."""
        ...

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Write parameters into a model that is otherwise as it was compiled."""
        ...


class Ranged:
    """A factor that draws each parameter of a level's ranges by itself, and leaves the model alone.

    Args:
        level: one of ``envs.variations.ranges.LEVELS``.
    """

    name: str
    RANGES: ClassVar[Mapping[str, Ranges]]

    def __init__(self, level: str) -> None:
        self.level = level

    @classmethod
    def apart(cls, first: str, second: str) -> bool:
        """Whether nothing drawn at one level can be drawn at the other."""
        return disjoint(cls.RANGES[first], cls.RANGES[second])

    @classmethod
    def describe(cls, level: str) -> dict[str, str]:
        """What a level's episodes are drawn from, in words."""
        return {name: str(values) for name, values in cls.RANGES[level].items()}

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One draw of each parameter."""
        return {name: values.draw(rng) for name, values in self.RANGES[self.level].items()}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Nothing: the environment reads these parameters."""


@runtime_checkable
class Settling(Protocol):
    """A factor that puts things where nothing else is."""

    def settle(self, parameters: Parameters, taken: NDArray[np.float64]) -> dict[str, Any]:
        """The parameters with places chosen away from ``taken`` (n, 2) m."""
        ...


@runtime_checkable
class Altering(Factor, Protocol):
    """A factor that changes pictures."""

    def alter(self, image: NDArray[np.uint8], parameters: Parameters) -> NDArray[np.uint8]:
        """A new picture (H, W, 3); a function of its arguments alone."""
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


def settle(
    factors: Iterable[Factor],
    parameters: Mapping[str, Parameters],
    taken: NDArray[np.float64],
) -> dict[str, dict[str, Any]]:
    """Parameters completed for a start that uses the places ``taken`` (n, 2) on the table."""
    settled = {name: dict(values) for name, values in parameters.items()}
    for factor in factors:
        if isinstance(factor, Settling) and factor.name in settled:
            settled[factor.name] = factor.settle(settled[factor.name], taken)
    return settled
