"""A stock robosuite 1.5 environment, made repeatable and moved by our 7-D actions.

robosuite's own are: arena, lights, textures, objects, Panda with its torque limits, 2 ms physics,
joint position controller (20 Hz), success test, placement of objects and the noise on the arm's
start. Ours are:

- two cameras and a site for the tool centre, which change no physics. The site is a quarter turn
  from robosuite's: x away from the robot, y along the fingers' travel, z down;
- every draw comes from the episode's seed, and every reset rebuilds the model: robosuite's own
  placement keeps the generator it was first made with;
- half a second after each reset in which the gripper opens (robosuite's starts half open) and
  objects that were placed a centimetre up come to rest;
- each action moves a target in the robot-base frame (``envs.target``), inverse kinematics turns it
  into joint angles, and robosuite's controller is led there over ``RAMP_STEPS`` of the
  ``STEPS`` it makes in a control period. Its grip command, which takes 2.5 s for a stroke at
  4 Hz, is replaced by the finger set-points themselves.

Distance of the tool centre from its target after a control step of up to 7.5 cm an axis, on
straight lines: 3 mm (median), 4 mm (nine in ten), 7 mm (most). robosuite's operational space
controller leaves 2, 20 and 80 mm when made nearly as stiff, 16, 31 and 57 mm as it is.
"""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs import physics
from envs.divergence import check_finite, warnings_of
from envs.errors import UserError
from envs.kinematics import Kinematics
from envs.mounts import TOOL_QUAT, WRIST, Mount
from envs.rendering import choose_backend
from envs.spec import EnvSpec
from envs.target import Target

Array = NDArray[np.float64]

CONTROL_PERIOD_S = 0.25
STEPS, RAMP_STEPS = 5, 4
SETTLE_STEPS = 2
STIFFNESS = 1500.0  # 1/s^2, critically damped: a bandwidth of 39 rad/s
TOOL_SITE = "tool_centre"


class StockRobosuite:
    """One robosuite environment.

    Args:
        name: robosuite's, for example "Lift".
        tripod: where the camera "left" stands.
        spec: scales of the actions and limits of the target.

    Raises:
        UserError: robosuite is not installed.
    """

    def __init__(self, name: str, tripod: Mount, spec: EnvSpec) -> None:
        self._spec = spec
        with quiet():
            self.env = _make(name, _furnish(tripod))
        self.reset(0)

    # -- starting -------------------------------------------------------------------------------

    def reset(self, seed: int) -> None:
        """Rebuild the model and draw a start, both from the seed alone, and let it settle."""
        env = self.env
        env.rng, env.placement_initializer = np.random.default_rng(seed), None
        with quiet():
            env.reset()
        mujoco.mj_forward(self.model, self.data)
        base = self.data.body("robot0_base").xpos.copy()
        self.arm = Kinematics(self.model, TOOL_SITE, base)
        position, rotation = self.arm.tool_pose(self.data)
        self.target = Target(position, rotation.as_quat(), 0.0)
        self._joints = self.data.qpos[self.arm.arm_qpos].copy()
        for _ in range(SETTLE_STEPS):
            self.act(np.zeros(7))

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model; another one after each reset."""
        return self.env.sim.model._model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's state."""
        return self.env.sim.data._data

    # -- moving ---------------------------------------------------------------------------------

    def act(self, action: Array) -> float:
        """One control period for an action (7,) in [-1, 1]; returns robosuite's own reward.

        Raises:
            PhysicsError: the simulation diverged.
        """
        self.target = self.target.moved(action * self._spec.action_scale, self._spec)
        start, goal = self._joints, self.arm.inverse(self.target, self._joints)
        gripper = self.env.robots[0].gripper["right"]
        fingers = np.array([-1.0, 1.0]) * (2.0 * self.target.closedness - 1.0)
        reward, before = 0.0, warnings_of(self.data)
        for step in range(1, STEPS + 1):
            joints = start + min(1.0, step / RAMP_STEPS) * (goal - start)
            gripper.current_action = fingers.copy()  # what a grip command of 0 keeps
            _, reward, _, _ = self.env.step(np.append(joints, 0.0))
        self._joints = goal
        check_finite(self.data, before)
        mujoco.mj_forward(self.model, self.data)
        self.target.leash(*self.arm.tool_pose(self.data), self._spec)
        return float(reward)

    # -- saving and restoring -------------------------------------------------------------------

    def physics(self) -> Array:
        """(n,) MuJoCo's full integration state."""
        return physics.get_state(self.model, self.data)

    def set_physics(self, state: Array) -> None:
        """Return to a state of the present episode."""
        physics.set_state(self.model, self.data, state)

    def get_control(self) -> dict[str, Array]:
        """Everything ``act`` depends on besides the physics."""
        return self.target.get_state() | {"joints": self._joints.copy()}

    def set_control(self, state: dict[str, Array]) -> None:
        """Inverse of ``get_control``."""
        self.target, self._joints = Target.of_state(state), state["joints"].copy()


@contextmanager
def quiet() -> Iterator[None]:
    """Without robosuite's remarks on its own installation."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _make(name: str, furnish: Callable[[str], str]) -> Any:
    choose_backend()  # robosuite opens GL libraries when imported, and would insist on EGL
    try:
        import robosuite
        from robosuite.controllers import load_composite_controller_config
    except ImportError as error:
        raise UserError(
            f"robosuite/{name} needs robosuite, which is not installed here ({error}): "
            "pip install 'worldsim[scenes]'"
        ) from error
    config = load_composite_controller_config(robot="Panda")
    config["body_parts"]["right"].update(
        type="JOINT_POSITION", input_type="absolute", kp=STIFFNESS, interpolation=None
    )
    env = robosuite.make(
        name,
        robots="Panda",
        controller_configs=config,
        control_freq=STEPS / CONTROL_PERIOD_S,
        has_renderer=False,
        has_offscreen_renderer=False,  # pictures are our renderer's
        use_camera_obs=False,
        use_object_obs=False,
        ignore_done=True,
        renderer="mujoco",
    )
    env.set_xml_processor(furnish)
    return env


def _furnish(tripod: Mount) -> Callable[[str], str]:
    """Adds the cameras and the tool centre's site to robosuite's MJCF."""

    def furnish(xml: str) -> str:
        root = ET.fromstring(xml)
        bodies = {body.get("name"): body for body in root.iter("body")}
        world = root.find("worldbody")
        assert world is not None, "MJCF has a worldbody"
        world.append(ET.fromstring(tripod.mjcf("left")))
        bodies["robot0_right_hand"].append(ET.fromstring(WRIST.mjcf("wrist")))
        site = {"name": TOOL_SITE, "quat": TOOL_QUAT, "group": "5"}
        ET.SubElement(bodies["gripper0_right_eef"], "site", site)
        return ET.tostring(root, encoding="unicode")

    return furnish
