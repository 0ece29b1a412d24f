"""Names and pixels of the textures a scene may wear, split into training, validation, held out.

Pictures are robosuite's, shipped scaled down; patterns are computed from their name. What
robosuite's own arenas wear (ceramic, floor tile, light grey plaster, brushed steel, the two woods
of its bins) is held out: those arenas are there to be met unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import mujoco

from envs.variations.colours import objects_geoms
from envs.variations.factor import Parameters, Ranged
from envs.variations.patterns import PX, pattern
from envs.variations.ranges import Names, Ranges, span

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "textures"
TRAINING_PICTURES = (
    "blue-wood",
    "clay",
    "cream-plaster",
    "gray-felt",
    "gray-woodgrain",
    "metal",
    "pink-plaster",
    "steel-scratched",
    "white-plaster",
    "wood-tiles",
)
VALIDATION_PICTURES = ("brass-ambra", "green-wood", "gray-plaster", "dirt")
HELD_OUT_PICTURES = (
    "ceramic",
    "dark-wood",
    "light-gray-floor-tile",
    "light-gray-plaster",
    "light-wood",
    "red-wood",
    "steel-brushed",
    "white-bricks",
    "wood-varnished-panels",
    "yellow-plaster",
)


def _numbered(family: str, count: int) -> tuple[str, ...]:
    return tuple(f"{family}-{number}" for number in range(count))


PATTERNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "training": (
            *_numbered("noise", 8),
            *_numbered("checks", 6),
            *_numbered("stripes", 8),
            *_numbered("gradient", 4),
            *_numbered("speckle", 4),
        ),
        "validation": _numbered("dots", 6),
        "held-out": (
            *_numbered("rings", 4),
            *_numbered("bricks", 4),
            *_numbered("zigzag", 4),
        ),
    }
)
"""Split -> computed textures."""

PICTURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "training": TRAINING_PICTURES,
        "validation": VALIDATION_PICTURES,
        "held-out": HELD_OUT_PICTURES,
    }
)
"""Split -> shipped textures."""


def textures_of(split: str) -> tuple[str, ...]:
    """Every texture of "training", "validation" or "held-out"."""
    return PATTERNS[split] + PICTURES[split]


PLAIN = "plain"
"""Name that stands for no texture."""

REPEATS = (1, 3)
"""How often a texture repeats in a metre of table, floor or wall."""


def prepare_textures(spec: mujoco.MjSpec, solid: bool) -> None:
    """Add a material for every texture to a scene, once.

    ``solid`` textures wrap an object (a cube's six faces alike); the others lie on surfaces, by
    the metre, once for each of ``REPEATS``.
    """
    for name in (name for split in PATTERNS for name in textures_of(split)):
        add_texture(spec, name, solid, REPEATS[:1] if solid else REPEATS)


def add_texture(spec: mujoco.MjSpec, name: str, solid: bool, repeats: Sequence[int]) -> None:
    """Add a texture to a scene, and a material for each of ``repeats``: what is there stays."""
    kind = f"{name}/{'solid' if solid else 'flat'}"
    if spec.texture(kind) is None:
        texture = spec.add_texture(name=kind)
        texture.type = mujoco.mjtTexture.mjTEXTURE_CUBE if solid else mujoco.mjtTexture.mjTEXTURE_2D
        if "-" in name and name.rsplit("-", 1)[1].isdigit():
            texture.width, texture.nchannel = PX, 3
            texture.height = 6 * PX if solid else PX
            texture.data = pattern(name).tobytes() * (6 if solid else 1)
        else:
            texture.file = str(FOLDER / f"{name}.png")
    for repeat in repeats:
        if spec.material(material_name(name, solid, repeat)) is None:
            material = spec.add_material(name=material_name(name, solid, repeat))
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = kind
            material.specular, material.shininess = 0.0, 0.0
            material.texuniform, material.texrepeat = not solid, [repeat, repeat]


def wear(
    model: mujoco.MjModel,
    geoms: Sequence[int],
    texture: str,
    tint: float,
    solid: bool = True,
    repeat: int = 1,
) -> None:
    """Put a texture on coloured geoms; ``tint`` of their colour shows, all of it if PLAIN."""
    if texture == PLAIN:
        model.geom_matid[geoms] = -1
        return
    model.geom_matid[geoms] = model.material(material_name(texture, solid, repeat)).id
    model.geom_rgba[geoms, :3] = 1.0 - tint * (1.0 - model.geom_rgba[geoms, :3])


def material_name(texture: str, solid: bool, repeat: int) -> str:
    """Of the material that ``add_texture`` adds."""
    return f"{texture}/solid" if solid else f"{texture}/flat/{repeat}"


class Texture(Ranged):
    """What the object is made of: ``{"name": ..., "tint": ...}``.

    ``tint`` is how much of the object's colour shows through the texture's. Held out: patterns,
    then pictures, then both with little of the object's colour left.
    """

    name = "texture"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "name": Names((PLAIN,) * 40 + textures_of("training")),
            "tint": span((0.2, 1.0)),
        },
        "validation": {
            "name": Names(textures_of("validation")),
            "tint": span((0.2, 1.0)),
        },
        "held-out:1": {"name": Names(PATTERNS["held-out"]), "tint": span((1.0, 1.0))},
        "held-out:2": {"name": Names(PICTURES["held-out"]), "tint": span((0.5, 0.9))},
        "held-out:3": {
            "name": Names(textures_of("held-out")),
            "tint": span((0.0, 0.15)),
        },
    }

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add the textures."""
        prepare_textures(spec, solid=True)

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Put it on over the colour."""
        wear(model, objects_geoms(model), parameters["name"], parameters["tint"])
