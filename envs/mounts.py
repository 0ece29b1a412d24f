"""How cameras are mounted: where they stand, what they look at, through which lens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mount:
    """One camera in the frame of the body it is fixed to.

    Attributes:
        position: (3,) of the lens, m.
        target: (3,) what it looks at, m.
        fovy_deg: vertical field of view.
        up: (3,) direction that is up in its pictures.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    fovy_deg: float
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def mjcf(self, name: str) -> str:
        """The camera as MJCF."""
        backward = np.subtract(self.position, self.target)
        backward /= np.linalg.norm(backward)
        right = np.cross(self.up, backward)
        right /= np.linalg.norm(right)
        axes = np.concatenate([right, np.cross(backward, right)])
        text = [" ".join(f"{x:.6g}" for x in values) for values in (self.position, axes)]
        return (
            f'<camera name="{name}" pos="{text[0]}" xyaxes="{text[1]}" fovy="{self.fovy_deg:g}"/>'
        )


LEFT = Mount((0.74, 0.755, 1.49), (-0.01, 0.006, 0.925), 28.0)
"""On a tripod at the table's side, in the world frame."""

RIGHT = Mount((0.74, -0.755, 1.49), (-0.01, -0.006, 0.925), 28.0)
"""Its mirror image."""

WRIST = Mount((-0.08, 0.0, 0.06), (0.0, 0.0, 0.149), 80.0, up=(1.0, 0.0, 0.0))
"""On the robot's hand, in the hand's frame."""

TOOL_QUAT = "0.7071067811865476 0 0 0.7071067811865476"
"""Turns robosuite's tool centre, whose gripper is mounted a quarter turn from the hand, to the
hand's axes (DROID, V-JEPA 2-AC): x away from the robot, y along the fingers' travel, z down."""
