"""Back to where a model has seen the robot begin, before anything else is tried.

A hand that starts where no training episode did is seen as none was: turned away, at the table's
edge, too low. The robot knows its own pose, so it can first go where it will be understood.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs import EnvSpec
from envs.errors import UserError
from worldsim import poses
from worldsim.states import PLACE_AND_YAW
from worldsim.world_model import WorldModel

Array = NDArray[np.float64]

LONGEST = 10
"""Control steps after which the policy takes over wherever the hand is."""
_NEAR = 0.3
"""So near, in units of an action of 1, is there."""


class Homing:
    """The way into the box of poses that training episodes begin with.

    Args:
        spec: the environment's interface.
        model: whose training data.

    Raises:
        UserError: it does not say where they began.
    """

    def __init__(self, spec: EnvSpec, model: WorldModel) -> None:
        starts = model.config.starts
        if starts is None:
            raise UserError(
                "homing needs to know where the model's training episodes began, which its "
                "config.json does not say (starts): train it again, or leave homing out"
            )
        self._low, self._high = np.array(starts)
        self._scale = spec.action_scale
        self.reset()

    def reset(self) -> None:
        """Another episode begins."""
        self._left = LONGEST

    def action(self, proprio: Array, target: Array) -> Array | None:
        """The next action (7,) in [-1, 1] of the way; None once the hand is there.

        Args:
            proprio: (7,) achieved pose.
            target: (7,) commanded pose.
        """
        here = proprio[PLACE_AND_YAW]
        here[3] = (here[3] + np.pi) % (2 * np.pi) - np.pi
        wanted = target.copy()
        wanted[PLACE_AND_YAW] = np.clip(here, self._low, self._high)
        action = poses.difference(target, wanted) / self._scale
        if self._left == 0 or (np.abs(action) <= _NEAR).all():
            self._left = 0  # from now on the hand goes wherever it must
            return None
        self._left -= 1
        return np.clip(action, -1.0, 1.0)
