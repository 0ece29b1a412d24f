"""What goes into the base scene beside robosuite's robot: contact, furniture, light, actuators."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from envs.compose import IMPEDANCE, SOLIMP
from envs.geometry import PARKED_Z
from envs.mounts import LEFT, RIGHT, TOOL_QUAT, WRIST

TIMESTEP_S = 0.004
IMPRATIO = 20
"""robosuite's ratio of frictional to normal impedance."""

SOFTNESS = " ".join(f"{x:g}" for x in SOLIMP)

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
GRIP_DAMPING = 1.3 / TIMESTEP_S
GRIP_STIFFNESS = GRIP_DAMPING**2 / 8
GRIP_CONTACT = {
    "solref": f"{-GRIP_STIFFNESS * IMPEDANCE**2:.0f} {-GRIP_DAMPING * IMPEDANCE:.0f}",
    "solimp": SOFTNESS,
    "priority": "1",
    "condim": "4",
}
# The pads resist twist too. robosuite's do not: a carried can swung. The rest of the finger is
# smoother than robosuite's (1): pushing the edge of a cube from above, it locked in friction.
PAD_CONTACT = {**GRIP_CONTACT, "friction": "2 0.05 0.002"}
FINGER_CONTACT = {**GRIP_CONTACT, "friction": "0.5 0.005 0.0001"}

# Contact bits. A pair collides when one's contype meets the other's conaffinity: everything in the
# world collides with everything in it, the robot with the world, the robot never with itself.
WORLD_BITS = {"contype": "1", "conaffinity": "3"}
ROBOT_BITS = {"contype": "2", "conaffinity": "0"}
NO_BITS = {"contype": "0", "conaffinity": "0"}
REACHES_THE_TABLE = ("link5", "link6", "link7", "hand", "finger")

LIGHT, DARK = "0.93 0.94 0.95 1", "0.2 0.21 0.23 1"
GRIPPER, PEDESTAL = "0.25 0.26 0.28 1", "0.3 0.31 0.33 1"
TABLE_RGBA, FLOOR_RGBA = "0.80 0.72 0.60 1", "0.42 0.46 0.50 1"
SKY = (
    '<texture name="sky" type="skybox" builtin="gradient" width="32" height="192" '
    'rgb1="0.55 0.6 0.66" rgb2="0.3 0.34 0.38"/>'
)
"""For the interactive viewer; pictures are drawn without it."""


def find(element: ET.Element, path: str) -> ET.Element:
    """The element at an ElementTree path that robosuite's MJCF is known to have."""
    found = element.find(path)
    if found is None:
        raise LookupError(f"robosuite's MJCF has no {path!r}: is this robosuite 1.5.2?")
    return found


def tool_centre(world: ET.Element) -> None:
    """Turn the tool centre's frame to the hand's, so that at home it is Euler (pi, 0, 0)."""
    site = find(world, ".//site[@name='gripper0_right_grip_site']")
    site.attrib.update({"quat": TOOL_QUAT, "group": "5"})


def scenery(world: ET.Element) -> None:
    """Add table colour, floor, goal marker, light and cameras."""
    table = find(world, ".//geom[@name='table_collision']")
    table.attrib.update(
        {"name": "table_geom", "group": "0", "rgba": TABLE_RGBA, "solimp": SOFTNESS}
    )
    extras = ET.fromstring(f"""
      <worldbody>
        <light name="key" pos="0.6 0.3 2.5" dir="-0.3 -0.2 -1" directional="true" castshadow="false"
          diffuse="0.5 0.5 0.5" specular="0.1 0.1 0.1"/>
        {LEFT.mjcf("left")}
        {RIGHT.mjcf("right")}
        <geom name="floor" type="plane" size="12 12 1" rgba="{FLOOR_RGBA}" class="world"/>
        <site name="goal" pos="0 0 {PARKED_Z:g}" size="0.01" group="5"/>
      </worldbody>""")
    world.extend(list(extras))
    hand = find(world, ".//body[@name='robot0_right_hand']")
    hand.append(ET.fromstring(WRIST.mjcf("wrist")))


def actuators() -> ET.Element:
    """Position actuators for the seven arm joints and the two fingers."""
    root = ET.Element("actuator")
    for index, (inertia, limit) in enumerate(
        zip(JOINT_INERTIAS, JOINT_FORCE_LIMITS_NM, strict=True), start=1
    ):
        stiffness, damping = inertia * BANDWIDTH_RAD_S**2, 2 * inertia * BANDWIDTH_RAD_S
        _actuator(root, f"robot0_joint{index}", stiffness, damping, limit)
    for index in (1, 2):
        name = f"gripper0_right_finger_joint{index}"
        _actuator(root, name, FINGER_STIFFNESS, 0, FINGER_FORCE_LIMIT_N)
    return root


def _actuator(parent: ET.Element, joint: str, kp: float, kv: float, limit: float) -> None:
    """A position actuator named after its joint, over the joint's range."""
    attributes = {"name": joint, "joint": joint, "kp": f"{kp:g}", "kv": f"{kv:g}"}
    force = {"forcerange": f"{-limit:g} {limit:g}", "inheritrange": "1"}
    ET.SubElement(parent, "position", {**attributes, **force})


def header() -> ET.Element:
    """The root: options, defaults and rendering quality."""
    return ET.fromstring(f"""
    <mujoco model="worldsim">
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
          <geom group="0" contype="1" conaffinity="3" solimp="{SOFTNESS}"/>
        </default>
      </default>
    </mujoco>""")
