"""Which factors a scene wears: an episode's own, those of its goal pictures, or plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.start import Start
from envs.variations.factor import Altering, Factor
from envs.variations.plain import PLAIN_FACTORS

Factors = Mapping[str, Factor]


def own(start: Start, factors: Factors) -> Factors:
    """What an episode wears."""
    return {n: f for n, f in factors.items() if n in start.parameters and n != "goal-look"}


def of_goals(start: Start, factors: Factors) -> tuple[Start, Factors]:
    """The same while its goal pictures are taken."""
    return start, {n: f for n, f in factors.items() if n in start.parameters}


def altering(worn: Factors) -> dict[str, Altering]:
    """What of that changes pictures after they are drawn: looked up once, not at every picture."""
    return {name: factor for name, factor in worn.items() if isinstance(factor, Altering)}


def altered(
    picture: NDArray[np.uint8], start: Start, factors: Mapping[str, Altering]
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) after ``altering`` factors have changed it."""
    for name, factor in factors.items():
        picture = factor.alter(picture, start.parameters[name])
    return picture


def plain(start: Start, factors: Factors) -> tuple[Start, Factors]:
    """The start in the looks of ``default``; the object keeps its shape and size.

    What a variation draws in place of a plain factor is replaced by one and the same plain draw.
    """
    worn = {factor.name: factor for factor in PLAIN_FACTORS if factor.name in start.parameters}
    drawn = {
        name: start.parameters[name]
        if factors[name] is factor
        else factor.sample(np.random.default_rng(0))
        for name, factor in worn.items()
    }
    return replace(start, parameters=drawn), worn
