"""The random draws that decide where an episode starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.objects import get_object
from envs.placement import sample_object, sample_tool
from envs.slots import SHAPES, graspable
from envs.start import Parameters
from envs.variations import Factor, Variation, get_variation

Array = NDArray[np.float64]


def factors_of(variation: Variation) -> dict[str, Factor]:
    """Name -> factor: those of ``default``, replaced and extended by the variation's own."""
    usual = get_variation("default").factors
    return {factor.name: factor for factor in (*usual, *variation.factors)}


class Draws:
    """The draws of one episode.

    The factors of ``default`` use the streams they always had: shape and size the placement's,
    where the task asks for them, and colour one of its own. Every other factor has a stream derived
    from the seed and its name. So a factor more, or another in its place, moves no other draw, and
    episodes of two variations are pairs.

    Args:
        seed: of the episode.
        variation: its factors replace and extend those of ``default``.
        kind: fixes the object's kind, not the draw of it.
    """

    def __init__(self, seed: int, variation: Variation, kind: str | None = None) -> None:
        placement, appearance = np.random.SeedSequence(seed).spawn(2)
        self.rng = np.random.default_rng(placement)
        self._kind = kind
        self._usual = factors_of(get_variation("default"))
        self._parameters: Parameters = {
            "colour": self._usual["colour"].sample(np.random.default_rng(appearance))
        }
        self._own = set()
        self._factors = factors_of(variation)
        for name, factor in self._factors.items():
            if factor is not self._usual.get(name):
                stream = np.random.SeedSequence(seed, spawn_key=tuple(name.encode()))
                self._parameters[name] = factor.sample(np.random.default_rng(stream))
                self._own.add(name)

    def object_shape(self) -> tuple[str, Array]:
        """Kind and half size (3,) m of the object; ``shape`` and ``size`` may overrule."""
        for name in ("shape", "size"):
            usual = self._usual[name].sample(self.rng)
            if name not in self._own:
                self._parameters[name] = usual
        if self._kind is not None:
            self._parameters["shape"] = {"kind": self._kind}
        proportions = self._parameters["shape"].get("half_size")
        if proportions is not None:
            name = self._parameters["shape"]["kind"]
            factor = self._parameters["size"]["factor"] if name in SHAPES else 1.0
            return name, graspable(np.asarray(proportions) * factor)
        kind = get_object(self._parameters["shape"]["kind"])
        if not kind.resizable:
            self._parameters["size"] = {"factor": 1.0}
        return kind.name, np.asarray(kind.half_size) * self._parameters["size"]["factor"]

    def object_shapes(self, count: int) -> list[tuple[str, Array]]:
        """Kind and half size (3,) m of several objects, no two of one kind if there are enough.

        They come in the order of their kinds' names, so that few scenes are composed.
        """
        found: dict[str, tuple[str, Array]] = {}
        for attempt in range(100):
            for name in ("shape", "size"):  # in order, for both draw from one stream
                if name in self._own:
                    self._parameters[name] = self._factors[name].sample(self.rng)
            kind, half = self.object_shape()
            found.setdefault(kind if attempt < 50 else f"{kind} {attempt}", (kind, half))
            if len(found) == count:
                break
        return sorted(found.values(), key=lambda shape: shape[0])

    def object_colours(self, count: int) -> list[Array]:
        """(4,) of each of several objects, as different as the ``colour`` factor makes them."""
        factor = self._factors["colour"]
        found: list[Array] = []
        for _ in range(count):
            drawn = [np.array(factor.sample(self.rng)["rgba"]) for _ in range(8)]
            far = [min([np.abs(one - c).max() for c in found], default=0.0) for one in drawn]
            found.append(drawn[int(np.argmax(far))])
        return found

    def tool(self) -> tuple[Array, float]:
        """Start of the tool centre (3,) and its yaw; ``start`` may overrule."""
        position, yaw = sample_tool(self.rng)
        if "start" in self._own:
            start = self._parameters["start"]
            position, yaw = np.asarray(start["tool"], dtype=np.float64), float(start["yaw"])
        return position, yaw

    def object_pose(self, half_height: float) -> tuple[Array, float]:
        """Resting pose on the table: centre (3,) and yaw."""
        return sample_object(self.rng, half_height)

    @property
    def parameters(self) -> Parameters:
        """What was drawn for every factor."""
        return {name: dict(values) for name, values in self._parameters.items()}
