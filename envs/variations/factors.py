"""Every factor by name, in the order they are applied."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from envs.variations.body import Physics, Shape, Size
from envs.variations.camera import Camera, Viewpoint
from envs.variations.colours import Colour
from envs.variations.distractors import Distractors
from envs.variations.factor import Factor, Ranged
from envs.variations.goal_look import GoalLook
from envs.variations.image import Image
from envs.variations.light import Light
from envs.variations.room import Room
from envs.variations.start import Start
from envs.variations.textures import Texture

FACTORS: Mapping[str, type[Ranged]] = MappingProxyType(
    {
        factor.name: factor
        for factor in (
            Shape,
            Size,
            Colour,
            Texture,
            Physics,
            Room,
            Distractors,
            Light,
            Viewpoint,
            Camera,
            Image,
            Start,
            GoalLook,
        )
    }
)
"""Name -> factor, made for a level: ``FACTORS["light"]("training")``."""


def all_at(level: str) -> tuple[Factor, ...]:
    """Every factor at one level; ``rich`` is for most the training range."""
    if level == "rich":
        return tuple(f(level if f in (Room, Light) else "training") for f in FACTORS.values())
    return tuple(factor(level) for factor in FACTORS.values())
