"""The ``start`` factor: where the gripper is when an episode begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from envs.geometry import TABLE_Z
from envs.variations.factor import Ranged
from envs.variations.ranges import Ranges, both_sides, span


class Start(Ranged):
    """Pose of the tool: ``{"tool": [x, y, z], "yaw": r}``, robot-base frame, m and rad.

    Its ranges are of x, y, height above the table, and yaw. Held out: beside the table's middle,
    where no plain episode starts, and turned.
    """

    name = "start"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "x_m": span((0.40, 0.64)),
            "y_m": both_sides(0, 0.22),
            "height_m": span((0.15, 0.31)),
            "yaw_rad": both_sides(0, 0.45),
        },
        "validation": {
            "x_m": span((0.38, 0.66)),
            "y_m": both_sides(0.225, 0.235),
            "height_m": span((0.15, 0.33)),
            "yaw_rad": both_sides(0.48, 0.55),
        },
        "held-out:1": {
            "x_m": span((0.38, 0.66)),
            "y_m": both_sides(0.24, 0.255),
            "height_m": span((0.15, 0.33)),
            "yaw_rad": both_sides(0.55, 0.7),
        },
        "held-out:2": {
            "x_m": span((0.36, 0.40), (0.64, 0.66)),
            "y_m": both_sides(0.255, 0.27),
            "height_m": span((0.12, 0.32)),
            "yaw_rad": both_sides(0.7, 0.95),
        },
        "held-out:3": {
            "x_m": span((0.34, 0.38), (0.64, 0.67)),
            "y_m": both_sides(0.27, 0.285),
            "height_m": span((0.08, 0.13), (0.25, 0.31)),
            "yaw_rad": both_sides(0.95, 1.3),
        },
    }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One pose."""
        drawn = super().sample(rng)
        tool = [drawn["x_m"], drawn["y_m"], round(TABLE_Z + drawn["height_m"], 6)]
        return {"tool": tool, "yaw": drawn["yaw_rad"]}
