"""A Panda's kinematics: where its tool is, and which joint angles bring it to a pose."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.geometry import GRIPPER_OPENING, HOME_QPOS
from envs.target import Target

Array = NDArray[np.float64]

ARM_JOINTS = tuple(f"robot0_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("gripper0_right_finger_joint1", "gripper0_right_finger_joint2")
_DAMPING = 1e-6 * np.eye(6)


class Kinematics:
    """Arm and gripper of one model with robosuite's names.

    Args:
        model: compiled.
        site: name of the tool centre's site; its axes are x away from the robot, y along the
            fingers' travel, z down.
        base: (3,) world position of the robot-base frame, m; its axes are parallel to the world's.
    """

    def __init__(self, model: mujoco.MjModel, site: str, base: Array) -> None:
        self.model, self.base = model, base
        self._scratch = mujoco.MjData(model)
        self.site = model.site(site).id
        joints = [model.joint(name) for name in ARM_JOINTS]
        self.arm_qpos = np.array([j.qposadr[0] for j in joints])
        self.arm_dof = np.array([j.dofadr[0] for j in joints])
        self.arm_range = np.array([j.range for j in joints])
        self.finger_qpos = np.array([model.joint(name).qposadr[0] for name in FINGER_JOINTS])

    def tool_pose(self, data: mujoco.MjData) -> tuple[Array, Rotation]:
        """Achieved tool centre: position (3,) m and rotation in the robot-base frame."""
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, data.site_xmat[self.site])
        return data.site_xpos[self.site] - self.base, Rotation.from_quat(quat[[1, 2, 3, 0]])

    def closedness(self, data: mujoco.MjData) -> float:
        """1 - opening / full opening, in [0, 1]."""
        first, second = data.qpos[self.finger_qpos].tolist()
        return float(min(1.0, max(0.0, 1.0 - (abs(first) + abs(second)) / GRIPPER_OPENING)))

    def proprio(self, data: mujoco.MjData) -> Array:
        """(7,) achieved xyz m, Euler xyz rad, closedness."""
        position, rotation = self.tool_pose(data)
        return np.concatenate([position, rotation.as_euler("xyz"), [self.closedness(data)]])

    def inverse(self, target: Target, start: Array, iterations: int = 12) -> Array:
        """Joint angles (7,) for a target pose: damped least squares from ``start`` (7,).

        A null-space pull towards the home posture keeps the elbow from drifting.
        """
        data, model = self._scratch, self.model
        goal_position = target.position + self.base
        goal_quat = target.quaternion[[3, 0, 1, 2]]
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
