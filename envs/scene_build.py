"""Compose the base scene from robosuite's models; write it as self-contained MJCF and meshes.

    python -m envs.scene_build

Run once, with the ``scenes`` extra installed; nothing here is needed at run time. What is kept from
robosuite's Lift: table, mount, arm and gripper with their poses, masses, inertias, joints and
collision shapes. What is changed, and why:

- visual meshes are merged by colour and decimated, textures and walls dropped: software rendering
  is bound by vertices;
- torque motors become position actuators with gravity compensation: control needs no Python at the
  physics rate;
- the integrator is Euler with explicit damping: the implicit ones damp velocities after the
  contact forces were found without it, and a carried object slips (3.8 mm in 10 s against 1.0);
- the robot collides with table, platform and object only, not with itself;
- dry friction of the joints and air drag are dropped: each costs time in every physics step, and
  neither is noticeable against the actuators.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from envs import scene_meshes
from envs.compose import ASSETS, BASE
from envs.geometry import TABLE_TOP_Z
from envs.rendering import choose_backend
from envs.scene_parts import (
    DARK,
    FINGER_CONTACT,
    GRIPPER,
    LIGHT,
    NO_BITS,
    PAD_CONTACT,
    PEDESTAL,
    REACHES_THE_TABLE,
    ROBOT_BITS,
    SKY,
    WORLD_BITS,
    actuators,
    find,
    header,
    scenery,
    tool_centre,
)

# Fraction of a visual mesh's faces that survives decimation, by where the body is: what is near
# the object keeps its shape, the rest of the arm is background.
KEPT_FACES = {"finger": 0.5, "gripper": 0.2, "link5": 0.08, "link6": 0.08, "link7": 0.08}
KEPT_FACES_ELSEWHERE = 0.05
COVER_M = 0.0015
"""Dark covers are lifted by this much: decimated, the white shell below would show through."""


def build(folder: Path) -> None:
    """Write the base scene and its meshes to ``folder``.

    Everything is made aside and then moved in file by file, so that whoever loads a scene
    meanwhile never meets a missing or half-written file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        draft = Path(name)
        (draft / "meshes").mkdir()
        root = emit(compose(), draft / "meshes")
        ET.indent(root)
        text = ET.tostring(root, encoding="unicode") + "\n"
        (draft / BASE.name).write_text(text, encoding="utf-8")
        made = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
        (folder / "meshes").mkdir(exist_ok=True)
        for path in sorted(made, key=lambda path: path.suffix):  # meshes before XML
            os.replace(draft / path, folder / path)
    for path in [*folder.glob("*.xml"), *folder.glob("meshes/*")]:
        if path.relative_to(folder) not in made:
            path.unlink()


def compose(objects: Sequence[Any] = ()) -> ET.Element:
    """Compose robosuite's models as its Lift task does.

    Args:
        objects: robosuite's own, if any.

    Returns:
        The root of robosuite's own MJCF, unchanged; mesh files are absolute paths.
    """
    choose_backend()  # robosuite opens GL libraries when imported, and would insist on EGL
    from robosuite.models.arenas import TableArena
    from robosuite.models.bases import RethinkMount
    from robosuite.models.grippers import PandaGripper
    from robosuite.models.robots import Panda
    from robosuite.models.tasks import ManipulationTask

    # As robosuite.robots.Robot.load_model. There is no hand rotation to apply to the model: both
    # offsets that the class reads are part of the bodies' own quaternions.
    robot = Panda(idn=0)
    robot.add_base(RethinkMount(idn=0))
    robot.add_gripper(PandaGripper(idn="0_right"), robot.eef_name["right"])
    arena = TableArena(table_full_size=(0.8, 0.8, 0.05), table_offset=(0, 0, TABLE_TOP_Z))
    arena.set_origin([0, 0, 0])
    robot.set_base_xpos(np.array(robot.base_xpos_offset["table"](0.8)))
    return ET.fromstring(ManipulationTask(arena, [robot], list(objects)).get_xml())


def emit(root: ET.Element, meshes: Path) -> ET.Element:
    """Our MJCF out of robosuite's; the meshes it uses are written into ``meshes``."""
    composed = mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))
    files = {mesh.get("name"): mesh.get("file") for mesh in root.iter("mesh")}
    world = find(root, "worldbody")
    _strip(root)
    asset = ET.Element("asset")
    for body in list(world.iter("body")):
        _collision_geoms(body, files, asset, meshes)
        _visual_geoms(body, composed, asset, meshes)
    for joint in world.iter("joint"):
        joint.attrib.pop("frictionloss", None)
    for body in _robot_bodies(world):
        body.set("gravcomp", "1")
    tool_centre(world)
    scenery(world)
    asset.append(ET.fromstring(SKY))
    ours = header()
    ours.extend([asset, world, actuators()])
    return ours


def _strip(root: ET.Element) -> None:
    """Drop what rendering and physics can do without: cameras, lights, markers, walls, legs."""
    world = find(root, "worldbody")
    for child in list(world):
        if child.tag != "body" or child.get("mocap"):
            world.remove(child)
    for body in world.iter("body"):
        for child in list(body):
            site = child.tag == "site" and child.get("name") != "gripper0_right_grip_site"
            if child.tag in ("camera", "light") or site:
                body.remove(child)


def _collision_geoms(
    body: ET.Element, files: dict[str | None, str | None], asset: ET.Element, meshes: Path
) -> None:
    """Keep robosuite's collision shapes; hide them, and choose what they may touch."""
    for geom in body.findall("geom"):
        name = geom.get("name", "")
        if geom.get("group") == "1":
            continue
        if name.startswith("fixed_mount0"):  # its own mesh is 33,000 faces behind the table
            geom.attrib.update(WORLD_BITS, group="0", rgba=PEDESTAL)
            continue
        bits = WORLD_BITS
        if name.startswith(("robot0", "gripper0")):
            bits = ROBOT_BITS if any(part in name for part in REACHES_THE_TABLE) else NO_BITS
        geom.attrib.update(bits, group="3")
        geom.attrib.pop("rgba", None)
        if "finger" in name:
            geom.attrib.update(PAD_CONTACT if "pad" in name else FINGER_CONTACT)
        mesh = geom.get("mesh")
        if mesh is not None:
            _add_mesh(asset, mesh)
            source = files[mesh]
            assert source is not None
            shutil.copyfile(source, meshes / f"{mesh}.stl")


def _visual_geoms(
    body: ET.Element, composed: mujoco.MjModel, asset: ET.Element, meshes: Path
) -> None:
    """Replace a body's visual geoms by one decimated mesh per colour."""
    pieces: dict[str, list[scene_meshes.Mesh]] = {}
    for geom in [g for g in body.findall("geom") if g.get("group") == "1"]:
        body.remove(geom)
        if geom.get("type") == "mesh" and not geom.get("name", "").startswith("fixed_mount0"):
            geom_id = composed.geom(geom.get("name")).id
            piece = scene_meshes.triangles(composed, geom_id)
            pieces.setdefault(_colour(composed, geom_id), []).append(piece)
    for index, (rgba, parts) in enumerate(sorted(pieces.items(), reverse=True)):
        name = f"{body.get('name')}_visual{index}"
        kept = (share for part, share in KEPT_FACES.items() if part in name)
        mesh = scene_meshes.decimate(scene_meshes.join(parts), next(kept, KEPT_FACES_ELSEWHERE))
        if rgba == DARK:
            mesh = scene_meshes.lift(mesh, COVER_M)
        scene_meshes.write_stl(meshes / f"{name}.stl", mesh)
        _add_mesh(asset, name)
        attributes = {"type": "mesh", "mesh": name, "rgba": rgba, "class": "visual"}
        ET.SubElement(body, "geom", attributes)


def _colour(composed: mujoco.MjModel, geom_id: int) -> str:
    """The flat colour that stands for a robosuite geom's material."""
    name = composed.geom(geom_id).name
    if name.startswith("gripper0"):
        return GRIPPER
    material = composed.geom_matid[geom_id]
    return LIGHT if composed.mat_rgba[material, :3].mean() > 0.5 else DARK


def _add_mesh(asset: ET.Element, name: str) -> None:
    if all(mesh.get("name") != name for mesh in asset):
        ET.SubElement(asset, "mesh", {"name": name, "file": f"{name}.stl"})


def _robot_bodies(world: ET.Element) -> Iterator[ET.Element]:
    """Every moving body of arm and gripper."""
    return (b for b in world.iter("body") if b.get("name", "").startswith(("robot0", "gripper0")))


if __name__ == "__main__":
    build(ASSETS)
