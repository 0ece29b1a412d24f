"""Compose the scenes from robosuite's models and write them as self-contained MJCF and meshes.

Run once by ``python -m envs.scene``; nothing here is needed at run time. What is kept from
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from envs import scene, scene_meshes
from envs.rendering import choose_backend

TIMESTEP_S = 0.004
IMPRATIO = 20
"""robosuite's ratio of frictional to normal impedance."""

# Each arm joint is a critically damped spring of this bandwidth on its own inertia (armature
# included) at home. Tool error after a control step of up to 7.5 cm an axis: 0.5 mm (median).
BANDWIDTH_RAD_S = 60.0
JOINT_INERTIAS = (7.4, 5.0, 3.4, 2.9, 1.5, 1.2, 0.9)
JOINT_FORCE_LIMITS_NM = (150, 150, 150, 150, 40, 40, 40)
"""Above the Panda's own 87 and 12 N m: robosuite's armatures (5 to 0.7 kg m^2) need it."""

# A finger is a spring towards its set-point: a 4 cm object is squeezed with 30 N. Below the force
# limit the two springs also centre the object; two saturated fingers would drift with it.
FINGER_STIFFNESS = 1500
FINGER_FORCE_LIMIT_N = 70

# MuJoCo's friction has no memory of place, and its contact acceleration leaves out the curvature
# of the path: an object carried at speed v on an arc of radius r creeps outwards at
# v^2/r * (1/b - h/2), with b the contact damping and h the time step. b = 1.3/h halves the creep of
# the stiffest standard solref (b = 1/h); 1.7/h is unstable. Negative numbers are MuJoCo's direct
# form: -stiffness and -damping, divided by the highest impedance (squared) to give k and b.
IMPEDANCE = 0.995
SOLIMP = f"0.98 {IMPEDANCE} 0.001"
"""Harder than robosuite's (0.9 0.95): an object pressed on the table sinks 3 mm, not 20."""
GRIP_DAMPING = 1.3 / TIMESTEP_S
GRIP_STIFFNESS = GRIP_DAMPING**2 / 8
GRIP_CONTACT = {
    "solref": f"{-GRIP_STIFFNESS * IMPEDANCE**2:.0f} {-GRIP_DAMPING * IMPEDANCE:.0f}",
    "solimp": SOLIMP,
    "priority": "1",
    "condim": "4",
}
# The pads resist twist too. robosuite's do not: a carried can swung. The rest of the finger is
# smoother than robosuite's (1): pushing the edge of a cube from above, it locked in friction.
PAD_CONTACT = {**GRIP_CONTACT, "friction": "2 0.05 0.002"}
FINGER_CONTACT = {**GRIP_CONTACT, "friction": "0.5 0.005 0.0001"}
# Critically damped and as stiff as the time step allows; robosuite's can (0.01 0.5) bounces, and
# its margin of 1 mm makes it hover.
OBJECT_CONTACT = {"solref": "0.008 1", "solimp": SOLIMP, "margin": "0"}

# Contact bits. A pair collides when one's contype meets the other's conaffinity: everything in the
# world collides with everything in it, the robot with the world, the robot never with itself.
WORLD_BITS = {"contype": "1", "conaffinity": "3"}
ROBOT_BITS = {"contype": "2", "conaffinity": "0"}
NO_BITS = {"contype": "0", "conaffinity": "0"}
REACHES_THE_TABLE = ("link5", "link6", "link7", "hand", "finger")

LIGHT, DARK = "0.93 0.94 0.95 1", "0.2 0.21 0.23 1"
GRIPPER, PEDESTAL = "0.25 0.26 0.28 1", "0.3 0.31 0.33 1"
TABLE_RGBA, FLOOR_RGBA, PLATFORM_RGBA = "0.80 0.72 0.60 1", "0.42 0.46 0.50 1", "0.20 0.55 0.35 1"
SKY = (
    '<texture name="sky" type="skybox" builtin="gradient" width="32" height="192" '
    'rgb1="0.55 0.6 0.66" rgb2="0.3 0.34 0.38"/>'
)
"""For the interactive viewer; pictures are drawn without it."""
OBJECT_RGBA = {
    "cube": "0.85 0.12 0.10 1",
    "can": "0.10 0.35 0.80 1",
    "bread": "0.90 0.55 0.10 1",
    "milk": "0.55 0.15 0.60 1",
}

# Fraction of a visual mesh's faces that survives decimation, by where the body is: what is near
# the object keeps its shape, the rest of the arm is background.
KEPT_FACES = {"finger": 0.5, "gripper": 0.2, "link5": 0.08, "link6": 0.08, "link7": 0.08}
KEPT_FACES_ELSEWHERE = 0.05
COVER_M = 0.0015
"""Dark covers are lifted by this much: decimated, the white shell below would show through."""


def build(folder: Path) -> None:
    """Write one XML per object kind, and the meshes they share, to ``folder``.

    Everything is made aside and then moved in file by file, so that whoever loads a scene
    meanwhile never meets a missing or half-written file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        draft = Path(name)
        (draft / "meshes").mkdir()
        for kind in scene.OBJECT_KINDS:
            root = compose(kind)
            emit(root, kind, draft / "meshes")
            ET.indent(root)
            text = ET.tostring(root, encoding="unicode") + "\n"
            (draft / f"{kind}.xml").write_text(text, encoding="utf-8")
        made = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
        (folder / "meshes").mkdir(exist_ok=True)
        for path in sorted(made, key=lambda path: path.suffix):  # meshes before XML
            os.replace(draft / path, folder / path)
    for path in [*folder.glob("*.xml"), *folder.glob("meshes/*")]:
        if path.relative_to(folder) not in made:
            path.unlink()


def compose(kind: str) -> ET.Element:
    """Compose robosuite's models for one kind of object, as its Lift task does.

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
    arena = TableArena(table_full_size=(0.8, 0.8, 0.05), table_offset=(0, 0, scene.TABLE_TOP_Z))
    arena.set_origin([0, 0, 0])
    robot.set_base_xpos(np.array(robot.base_xpos_offset["table"](0.8)))
    objects = [] if kind == "none" else [_robosuite_object(kind)]
    return ET.fromstring(ManipulationTask(arena, [robot], objects).get_xml())


def _robosuite_object(kind: str) -> Any:
    from robosuite.models.objects import BoxObject, CylinderObject

    x, y, z = scene.OBJECT_HALF_SIZES[kind]
    density = scene.OBJECT_DENSITY
    if kind == "can":
        return CylinderObject(name="object", size=[x, z], density=density)
    return BoxObject(name="object", size=[x, y, z], density=density)


def emit(root: ET.Element, kind: str, meshes: Path) -> None:
    """Turn robosuite's MJCF into ours in place, writing the meshes it uses into ``meshes``."""
    composed = mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))
    files = {mesh.get("name"): mesh.get("file") for mesh in root.iter("mesh")}
    world = _find(root, "worldbody")
    _strip(root)
    asset = ET.Element("asset")
    for body in list(world.iter("body")):
        _collision_geoms(body, files, asset, meshes)
        _visual_geoms(body, composed, asset, meshes)
    for joint in world.iter("joint"):
        joint.attrib.pop("frictionloss", None)
    for body in _robot_bodies(world):
        body.set("gravcomp", "1")
    _tool_centre(world)
    _scenery(world)
    if kind != "none":
        _object(world, kind)
    header = list(ET.fromstring(_header(kind)))
    asset.append(ET.fromstring(SKY))
    root[:] = [*header, asset, world, _actuators()]
    root.set("model", f"worldsim_{kind}")


def _strip(root: ET.Element) -> None:
    """Drop what rendering and physics can do without: cameras, lights, markers, walls, legs."""
    world = _find(root, "worldbody")
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


def _find(element: ET.Element, path: str) -> ET.Element:
    """The element at an ElementTree path that robosuite's MJCF is known to have."""
    found = element.find(path)
    if found is None:
        raise LookupError(f"robosuite's MJCF has no {path!r}: is this robosuite 1.5.2?")
    return found


def _add_mesh(asset: ET.Element, name: str) -> None:
    if all(mesh.get("name") != name for mesh in asset):
        ET.SubElement(asset, "mesh", {"name": name, "file": f"{name}.stl"})


def _robot_bodies(world: ET.Element) -> Iterator[ET.Element]:
    """Every moving body of arm and gripper."""
    return (b for b in world.iter("body") if b.get("name", "").startswith(("robot0", "gripper0")))


def _tool_centre(world: ET.Element) -> None:
    """Turn the tool centre's frame to the hand's, so that at home it is Euler (pi, 0, 0).

    robosuite's gripper is mounted a quarter turn from the hand; DROID and V-JEPA 2-AC measure the
    hand: x away from the robot, y along the fingers' travel, z down.
    """
    site = _find(world, ".//site[@name='gripper0_right_grip_site']")
    site.attrib.update({"quat": "0.7071067811865476 0 0 0.7071067811865476", "group": "5"})


def _scenery(world: ET.Element) -> None:
    """Add table colour, floor, platform, goal marker, light and cameras."""
    table = _find(world, ".//geom[@name='table_collision']")
    table.attrib.update({"name": "table_geom", "group": "0", "rgba": TABLE_RGBA, "solimp": SOLIMP})
    half = " ".join(f"{x:g}" for x in scene.PLATFORM_HALF_SIZE)
    extras = ET.fromstring(f"""
      <worldbody>
        <light name="key" pos="0.6 0.3 2.5" dir="-0.3 -0.2 -1" directional="true" castshadow="false"
          diffuse="0.5 0.5 0.5" specular="0.1 0.1 0.1"/>
        {_camera("left", (0.74, 0.755, 1.49), (-0.01, 0.006, 0.925), 28)}
        {_camera("right", (0.74, -0.755, 1.49), (-0.01, -0.006, 0.925), 28)}
        <geom name="floor" type="plane" size="12 12 1" rgba="{FLOOR_RGBA}" class="world"/>
        <body name="platform" pos="0 0 {scene.PARKED_Z:g}">
          <geom name="platform_geom" type="box" size="{half}" rgba="{PLATFORM_RGBA}" class="world"/>
        </body>
        <site name="goal" pos="0 0 {scene.PARKED_Z:g}" size="0.01" group="5"/>
      </worldbody>""")
    world.extend(list(extras))
    hand = _find(world, ".//body[@name='robot0_right_hand']")
    wrist = _camera("wrist", (-0.08, 0.0, 0.06), (0.0, 0.0, 0.149), 80, up=(1.0, 0.0, 0.0))
    hand.append(ET.fromstring(wrist))


def _camera(
    name: str,
    position: tuple[float, ...],
    target: tuple[float, ...],
    fovy_deg: float,
    up: tuple[float, ...] = (0.0, 0.0, 1.0),
) -> str:
    """A camera at ``position`` looking at ``target``, all in its body's frame, as MJCF."""
    backward = np.subtract(position, target)
    backward /= np.linalg.norm(backward)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    axes = np.concatenate([right, np.cross(backward, right)])
    text = [" ".join(f"{x:.6g}" for x in values) for values in (position, axes)]
    return f'<camera name="{name}" pos="{text[0]}" xyaxes="{text[1]}" fovy="{fovy_deg:g}"/>'


def _object(world: ET.Element, kind: str) -> None:
    """Rename robosuite's object and make its one geom both shape and picture."""
    body = _find(world, "./body[@name='object_main']")
    body.set("name", "object")
    _find(body, "joint").set("name", "object_joint")
    geom = _find(body, "geom")
    body.set("pos", f"0 0 {scene.TABLE_TOP_Z + scene.OBJECT_HALF_SIZES[kind][2]:g}")
    geom.attrib.update({"name": "object_geom", "group": "0", "rgba": OBJECT_RGBA[kind]})
    geom.attrib.update(OBJECT_CONTACT)


def _actuators() -> ET.Element:
    """Position actuators for the seven arm joints and the two fingers."""
    actuators = ET.Element("actuator")
    for index, (inertia, limit) in enumerate(
        zip(JOINT_INERTIAS, JOINT_FORCE_LIMITS_NM, strict=True), start=1
    ):
        stiffness, damping = inertia * BANDWIDTH_RAD_S**2, 2 * inertia * BANDWIDTH_RAD_S
        _actuator(actuators, f"robot0_joint{index}", stiffness, damping, limit)
    for index in (1, 2):
        name = f"gripper0_right_finger_joint{index}"
        _actuator(actuators, name, FINGER_STIFFNESS, 0, FINGER_FORCE_LIMIT_N)
    return actuators


def _actuator(parent: ET.Element, joint: str, kp: float, kv: float, limit: float) -> None:
    """A position actuator named after its joint, over the joint's range."""
    attributes = {"name": joint, "joint": joint, "kp": f"{kp:g}", "kv": f"{kv:g}"}
    force = {"forcerange": f"{-limit:g} {limit:g}", "inheritrange": "1"}
    ET.SubElement(parent, "position", {**attributes, **force})


def _header(kind: str) -> str:
    """Options, defaults and rendering quality shared by all scenes."""
    return f"""
    <mujoco model="worldsim_{kind}">
      <compiler angle="radian" meshdir="meshes" autolimits="true"/>
      <option timestep="{TIMESTEP_S}" integrator="Euler" cone="elliptic" impratio="{IMPRATIO}">
        <flag eulerdamp="disable" island="disable"/>
      </option>
      <visual>
        <map znear="0.01" zfar="30"/>
        <quality offsamples="0" shadowsize="0" numslices="24" numstacks="4" numquads="1"/>
        <headlight ambient="0.35 0.35 0.35" diffuse="0.25 0.25 0.25" specular="0 0 0"/>
      </visual>
      <default>
        <default class="visual">
          <geom group="2" contype="0" conaffinity="0" mass="0"/>
        </default>
        <default class="world">
          <geom group="0" contype="1" conaffinity="3" solimp="{SOLIMP}"/>
        </default>
      </default>
    </mujoco>"""
