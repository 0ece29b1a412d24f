"""7-D Cartesian control over native joint position actuators.

An action moves an internal *target* pose of the tool centre (robot-base frame, V-JEPA 2-AC
convention: delta xyz, Euler "xyz" of ``R_target_new @ R_target.T``, delta closedness). Once per
control step the target is turned into joint angles by damped-least-squares inverse kinematics, and
the joint set-points are interpolated over a few native sub-steps: no Python runs at the physics
rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.divergence import check_finite, warnings_of
from envs.errors import UserError
from envs.geometry import BASE_POS, GRIPPER_OPENING, HOME_QPOS
from envs.spec import EnvSpec

Array = NDArray[np.float64]

ARM_JOINTS = tuple(f"robot0_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("gripper0_right_finger_joint1", "gripper0_right_finger_joint2")
TOOL_SITE = "gripper0_right_grip_site"

DOWNWARD = Rotation.from_euler("x", np.pi)
INTERPOLATION_STAGES = 8
RAMP_SHARE = 0.75
_DAMPING = 1e-6 * np.eye(6)


@dataclass
class Target:
    """Commanded pose in the robot-base frame.

    Attributes:
        position: (3,) metres.
        quaternion: (4,) x, y, z, w. Kept as numbers: a saved and restored target must be
            bit-identical, which a round trip through ``Rotation`` is not.
        closedness: in [0, 1].
    """

    position: Array
    quaternion: Array
    closedness: float

    @property
    def rotation(self) -> Rotation:
        """The quaternion as a rotation."""
        return Rotation.from_quat(self.quaternion)

    def vector(self) -> Array:
        """(7,) xyz m, Euler xyz rad, closedness."""
        return np.concatenate([self.position, self.rotation.as_euler("xyz"), [self.closedness]])


class CartesianController:
    """Drives one model; all state that survives a step is in ``target`` and ``joint_target``."""

    def __init__(self, model: mujoco.MjModel, spec: EnvSpec) -> None:
        self.model = model
        self.spec, self.scale = spec, spec.action_scale
        self.steps = round(spec.control_period / model.opt.timestep)
        if self.steps < INTERPOLATION_STAGES:
            raise UserError(
                f"control_period {spec.control_period} s is too short: at least "
                f"{INTERPOLATION_STAGES * model.opt.timestep:.3f} s is needed"
            )
        self._scratch = mujoco.MjData(model)
        self.site = model.site(TOOL_SITE).id
        joints = [model.joint(name) for name in ARM_JOINTS]
        self.arm_qpos = np.array([j.qposadr[0] for j in joints])
        self.arm_dof = np.array([j.dofadr[0] for j in joints])
        self.arm_range = np.array([j.range for j in joints])
        self.finger_qpos = np.array([model.joint(name).qposadr[0] for name in FINGER_JOINTS])
        self.arm_ctrl = np.array([model.actuator(name).id for name in ARM_JOINTS])
        self.finger_ctrl = np.array([model.actuator(name).id for name in FINGER_JOINTS])
        # The fingers mirror each other: the sign of the open end of each joint's range.
        self._finger_open = np.array(
            [model.joint(n).range[np.argmax(np.abs(model.joint(n).range))] for n in FINGER_JOINTS]
        )
        self.target = Target(np.zeros(3), DOWNWARD.as_quat(), 0.0)
        self.joint_target = np.array(HOME_QPOS, dtype=np.float64)

    # -- reading ------------------------------------------------------------------------------

    def tool_pose(self, data: mujoco.MjData) -> tuple[Array, Rotation]:
        """Achieved tool centre: position (3,) m and rotation in the robot-base frame."""
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, data.site_xmat[self.site])
        return data.site_xpos[self.site] - BASE_POS, Rotation.from_quat(quat[[1, 2, 3, 0]])

    def closedness(self, data: mujoco.MjData) -> float:
        """1 - opening / full opening, in [0, 1]."""
        first, second = data.qpos[self.finger_qpos].tolist()
        return float(min(1.0, max(0.0, 1.0 - (abs(first) + abs(second)) / GRIPPER_OPENING)))

    def proprio(self, data: mujoco.MjData) -> Array:
        """(7,) achieved xyz m, Euler xyz rad, closedness."""
        position, rotation = self.tool_pose(data)
        return np.concatenate([position, rotation.as_euler("xyz"), [self.closedness(data)]])

    # -- moving -------------------------------------------------------------------------------

    def place(self, data: mujoco.MjData, position: Array, rotation: Rotation) -> None:
        """Put the arm at a tool pose with the gripper open, at rest, and hold it there."""
        data.qpos[self.arm_qpos] = HOME_QPOS
        data.qpos[self.finger_qpos] = self._finger_open
        self.target = Target(np.asarray(position, dtype=np.float64), rotation.as_quat(), 0.0)
        self.joint_target = self.inverse_kinematics(np.array(HOME_QPOS), iterations=100)
        data.qpos[self.arm_qpos] = self.joint_target
        data.ctrl[self.arm_ctrl] = self.joint_target
        data.ctrl[self.finger_ctrl] = self._finger_open

    def command(self, action: Array) -> Array:
        """Move the target by an action in [-1, 1]; returns the (7,) action in physical units."""
        delta = action * self.scale
        spec = self.spec
        position = np.clip(
            self.target.position + delta[:3], spec.workspace_low, spec.workspace_high
        )
        rotation = Rotation.from_euler("xyz", delta[3:6]) * self.target.rotation
        tilt = (rotation * DOWNWARD.inv()).as_rotvec()
        clipped = np.clip(tilt, -spec.rotation_limit, spec.rotation_limit)
        if not np.array_equal(tilt, clipped):
            rotation = Rotation.from_rotvec(clipped) * DOWNWARD
        closedness = float(np.clip(self.target.closedness + delta[6], 0.0, 1.0))
        self.target = Target(position, rotation.as_quat(), closedness)
        return delta

    def advance(self, data: mujoco.MjData) -> None:
        """One control period of physics towards the target.

        Raises:
            PhysicsError: the simulation diverged.
        """
        start, goal = self.joint_target, self.inverse_kinematics(self.joint_target)
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
        self._leash(data)

    def _leash(self, data: mujoco.MjData) -> None:
        """Keep the target within reach of the achieved pose, so a blocked arm does not wind up."""
        metres, radians = self.spec.leash
        position, rotation = self.tool_pose(data)
        offset = self.target.position - position
        distance = mujoco.mju_norm3(offset)
        if distance > metres:
            self.target.position = position + offset * (metres / distance)
        twist = (self.target.rotation * rotation.inv()).as_rotvec()
        angle = mujoco.mju_norm3(twist)
        if angle > radians:
            leashed = Rotation.from_rotvec(twist * (radians / angle)) * rotation
            self.target.quaternion = leashed.as_quat()

    def inverse_kinematics(self, start: Array, iterations: int = 12) -> Array:
        """Joint angles (7,) for the target pose: damped least squares from ``start`` (7,).

        A null-space pull towards the home posture keeps the elbow from drifting.
        """
        data, model = self._scratch, self.model
        goal_position = self.target.position + BASE_POS
        goal_quat = self.target.quaternion[[3, 0, 1, 2]]
        joints = start.copy()
        jacobian = np.zeros((6, model.nv))
        gram, error, weights = np.zeros((6, 6)), np.zeros(6), np.zeros(6)
        drift, step = np.zeros(6), np.zeros(7)
        quat, inverse, twist = np.zeros(4), np.zeros(4), np.zeros(4)
        for _ in range(iterations):
            data.qpos[self.arm_qpos] = joints
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            error[:3] = goal_position - data.site_xpos[self.site]
            mujoco.mju_mat2Quat(quat, data.site_xmat[self.site])
            mujoco.mju_negQuat(inverse, quat)
            mujoco.mju_mulQuat(twist, goal_quat, inverse)
            mujoco.mju_quat2Vel(error[3:], twist, 1.0)
            if np.abs(error[:3]).max() < 1e-4 and np.abs(error[3:]).max() < 1e-3:
                break
            mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self.site)
            arm = np.ascontiguousarray(jacobian[:, self.arm_dof])
            rest = 0.05 * (HOME_QPOS - joints)
            # MuJoCo's own algebra: BLAS and LAPACK differ in the last bits from one processor to
            # another, and with them a seed's states; they also wake a thread pool for six unknowns.
            mujoco.mju_mulMatMatT(gram, arm, arm)
            mujoco.mju_mulMatVec(drift, arm, rest)
            gram += _DAMPING
            mujoco.mju_cholFactor(gram, 0.0)
            mujoco.mju_cholSolve(weights, gram, error - drift)
            mujoco.mju_mulMatTVec(step, arm, weights)
            step += rest
            joints = np.clip(
                joints + np.clip(step, -0.4, 0.4), self.arm_range[:, 0], self.arm_range[:, 1]
            )
        return joints

    # -- saving -------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Array]:
        """Everything ``advance`` depends on besides the physics state."""
        return {
            "position": self.target.position.copy(),
            "quaternion": self.target.quaternion.copy(),
            "closedness": np.array([self.target.closedness]),
            "joint_target": self.joint_target.copy(),
        }

    def set_state(self, state: dict[str, Array]) -> None:
        """Inverse of ``get_state``."""
        self.target = Target(
            state["position"].copy(),
            state["quaternion"].copy(),
            float(state["closedness"][0]),
        )
        self.joint_target = state["joint_target"].copy()
