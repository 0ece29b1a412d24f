"""7-D Cartesian control over native joint position actuators.

An action moves an internal *target* pose of the tool centre (robot-base frame, V-JEPA 2-AC
convention: delta xyz, Euler "xyz" of ``R_target_new @ R_target.T``, delta closedness). Once per
control step the target is turned into joint angles by damped-least-squares inverse kinematics, and
the joint set-points are interpolated over a few native sub-steps: no Python runs at the physics
rate.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.divergence import check_finite, warnings_of
from envs.errors import UserError
from envs.geometry import BASE_POS, HOME_QPOS
from envs.kinematics import ARM_JOINTS, FINGER_JOINTS, Kinematics
from envs.spec import EnvSpec
from envs.target import DOWNWARD, Target

Array = NDArray[np.float64]

TOOL_SITE = "gripper0_right_grip_site"

INTERPOLATION_STAGES = 8
RAMP_SHARE = 0.75


class CartesianController(Kinematics):
    """Drives one model; all state that survives a step is in ``target`` and ``joint_target``."""

    def __init__(self, model: mujoco.MjModel, spec: EnvSpec) -> None:
        super().__init__(model, TOOL_SITE, BASE_POS)
        self.spec, self.scale = spec, spec.action_scale
        self.steps = round(spec.control_period / model.opt.timestep)
        if self.steps < INTERPOLATION_STAGES:
            raise UserError(
                f"control_period {spec.control_period} s is too short: at least "
                f"{INTERPOLATION_STAGES * model.opt.timestep:.3f} s is needed"
            )
        self.arm_ctrl = np.array([model.actuator(name).id for name in ARM_JOINTS])
        self.finger_ctrl = np.array([model.actuator(name).id for name in FINGER_JOINTS])
        # The fingers mirror each other: the sign of the open end of each joint's range.
        self._finger_open = np.array(
            [model.joint(n).range[np.argmax(np.abs(model.joint(n).range))] for n in FINGER_JOINTS]
        )
        self.target = Target(np.zeros(3), DOWNWARD.as_quat(), 0.0)
        self.joint_target = np.array(HOME_QPOS, dtype=np.float64)

    # -- moving -------------------------------------------------------------------------------

    def place(self, data: mujoco.MjData, position: Array, rotation: Rotation) -> None:
        """Put the arm at a tool pose with the gripper open, at rest, and hold it there."""
        data.qpos[self.arm_qpos] = HOME_QPOS
        data.qpos[self.finger_qpos] = self._finger_open
        self.target = Target(np.asarray(position, dtype=np.float64), rotation.as_quat(), 0.0)
        self.joint_target = self.inverse(self.target, np.array(HOME_QPOS), iterations=100)
        data.qpos[self.arm_qpos] = self.joint_target
        data.ctrl[self.arm_ctrl] = self.joint_target
        data.ctrl[self.finger_ctrl] = self._finger_open

    def command(self, action: Array) -> Array:
        """Move the target by an action in [-1, 1]; returns the (7,) action in physical units."""
        delta = action * self.scale
        self.target = self.target.moved(delta, self.spec)
        return delta

    def advance(self, data: mujoco.MjData) -> None:
        """One control period of physics towards the target.

        Raises:
            PhysicsError: the simulation diverged.
        """
        start, goal = self.joint_target, self.inverse(self.target, self.joint_target)
        finger_start = data.ctrl[self.finger_ctrl].copy()
        finger_goal = self._finger_open * (1.0 - self.target.closedness)
        done, before = 0, warnings_of(data)
        for stage in range(1, INTERPOLATION_STAGES + 1):
            share = min(1.0, stage / (INTERPOLATION_STAGES * RAMP_SHARE))
            data.ctrl[self.arm_ctrl] = start + share * (goal - start)
            data.ctrl[self.finger_ctrl] = finger_start + share * (finger_goal - finger_start)
            count = self.steps * stage // INTERPOLATION_STAGES - done
            mujoco.mj_step(self.model, data, nstep=count)
            done += count
        check_finite(data, before)
        self.joint_target = goal
        # mj_step leaves positions of the last step's start in the derived quantities.
        mujoco.mj_forward(self.model, data)
        self.target.leash(*self.tool_pose(data), self.spec)

    # -- saving -------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Array]:
        """Everything ``advance`` depends on besides the physics state."""
        return self.target.get_state() | {"joint_target": self.joint_target.copy()}

    def set_state(self, state: dict[str, Array]) -> None:
        """Inverse of ``get_state``."""
        self.target = Target.of_state(state)
        self.joint_target = state["joint_target"].copy()
