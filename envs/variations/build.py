"""Write the textures and object meshes that variations use, from robosuite's, to ``envs/assets``.

    python -m envs.variations.build

Run once; nothing here is needed at run time. Textures are scaled down, meshes scaled to what a
gripper can grasp, decimated, and centred on their bounding box.
"""

from __future__ import annotations

from pathlib import Path

import mujoco

from envs import scene_meshes
from envs.compose import ASSETS
from envs.variations.textures import (
    HELD_OUT_PICTURES,
    TRAINING_PICTURES,
    VALIDATION_PICTURES,
)

TEXTURE_PX = 128
PALETTE = 128
"""Colours kept of a texture: at this size nobody sees the difference, and files are a third."""

# Our name, robosuite's, and the scale that makes it graspable.
MESHES = (
    ("cereal", "cereal", 0.7),
    ("lemon", "lemon", 1.0),
    ("bottle", "bottle", 0.68),
    ("loaf", "bread", 1.0),
    ("carton", "milk", 0.75),
    ("tin", "can", 1.0),
)
MESH_FACES = 240


def build(robosuite_assets: Path, folder: Path) -> None:
    """Write ``textures/*.png`` and ``objects/*.stl`` below ``folder``."""
    (folder / "textures").mkdir(parents=True, exist_ok=True)
    (folder / "objects").mkdir(parents=True, exist_ok=True)
    for name in TRAINING_PICTURES + VALIDATION_PICTURES + HELD_OUT_PICTURES:
        _texture(robosuite_assets / "textures" / f"{name}.png", folder / "textures")
    for name, theirs, scale in MESHES:
        source = robosuite_assets / "objects" / f"{theirs}.xml"
        _mesh(source, scale, folder / "objects" / f"{name}.stl")


def _texture(source: Path, folder: Path) -> None:
    from PIL import Image

    with Image.open(source) as picture:
        side = min(picture.size)
        square = picture.convert("RGB").crop((0, 0, side, side))
    small = square.resize((TEXTURE_PX, TEXTURE_PX), Image.Resampling.LANCZOS)
    small.quantize(PALETTE).save(folder / source.name, optimize=True)


def _mesh(source: Path, scale: float, target: Path) -> None:
    model = mujoco.MjModel.from_xml_path(str(source))
    vertices, faces = scene_meshes.join([scene_meshes.triangles(model, model.ngeom - 1)])
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    mesh = ((vertices - centre) * scale, faces)
    mesh = scene_meshes.decimate(mesh, min(1.0, MESH_FACES / len(faces)))
    scene_meshes.write_stl(target, mesh)


def main() -> None:
    """Find robosuite and build."""
    import importlib.util

    found = importlib.util.find_spec("robosuite")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("robosuite is not installed: pip install 'worldsim[scenes]'")
    build(Path(found.submodule_search_locations[0]) / "models" / "assets", ASSETS)


if __name__ == "__main__":
    main()
