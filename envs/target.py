"""The commanded pose that actions move: where the tool is to go, and how far it may run ahead."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.spec import EnvSpec

Array = NDArray[np.float64]

DOWNWARD = Rotation.from_euler("x", np.pi)


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

    def moved(self, delta: Array, spec: EnvSpec) -> Target:
        """The target after a physical action.

        Args:
            delta: (7,) Δxyz m, Δrotation Euler xyz rad, Δclosedness.
            spec: whose workspace and rotation limit it stays in.
        """
        position = np.clip(self.position + delta[:3], spec.workspace_low, spec.workspace_high)
        rotation = Rotation.from_euler("xyz", delta[3:6]) * self.rotation
        tilt = (rotation * DOWNWARD.inv()).as_rotvec()
        clipped = np.clip(tilt, -spec.rotation_limit, spec.rotation_limit)
        if not np.array_equal(tilt, clipped):
            rotation = Rotation.from_rotvec(clipped) * DOWNWARD
        closedness = float(np.clip(self.closedness + delta[6], 0.0, 1.0))
        return Target(position, rotation.as_quat(), closedness)

    def leash(self, position: Array, rotation: Rotation, spec: EnvSpec) -> None:
        """Stay within reach of the achieved pose, so that a blocked arm does not wind up."""
        metres, radians = spec.leash
        offset = self.position - position
        distance = mujoco.mju_norm3(offset)
        if distance > metres:
            self.position = position + offset * (metres / distance)
        twist = (self.rotation * rotation.inv()).as_rotvec()
        angle = mujoco.mju_norm3(twist)
        if angle > radians:
            leashed = Rotation.from_rotvec(twist * (radians / angle)) * rotation
            self.quaternion = leashed.as_quat()

    def get_state(self) -> dict[str, Array]:
        """The numbers it consists of."""
        return {
            "position": self.position.copy(),
            "quaternion": self.quaternion.copy(),
            "closedness": np.array([self.closedness]),
        }

    @classmethod
    def of_state(cls, state: dict[str, Array]) -> Target:
        """Inverse of ``get_state``."""
        closedness = float(state["closedness"][0])
        return cls(state["position"].copy(), state["quaternion"].copy(), closedness)
