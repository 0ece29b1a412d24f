"""No imagination: drives the gripper pose read now to the one read from the goal picture. A floor.

Tier C.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from agents.base import Tier
from agents.checkpoint import weights_digest
from agents.latent import Array, LatentAgent, shared_views
from envs import EnvSpec
from envs.errors import UserError
from worldsim import load_world_model, poses
from worldsim.world_model import WorldModel


class ServoAgent(LatentAgent):
    """A proportional controller on what a world model reads from pictures.

    Args:
        spec: the environment's interface.
        model: a world model, or its name or path.
        advance: "arrival" or "schedule".
        device: to compute on.
        calibrate: see ``worldsim.calibration``.
        homing: see ``agents.homing``.

    Raises:
        ValueError: when the model does not know the environment's cameras, or has no read-out.
    """

    tier = Tier.C

    def __init__(
        self,
        spec: EnvSpec,
        model: WorldModel | str | Path = "tiny",
        advance: str = "arrival",
        device: str = "cpu",
        calibrate: bool | None = None,
        homing: bool | None = None,
    ) -> None:
        world = model if isinstance(model, WorldModel) else load_world_model(model)
        if not world.config.heads:
            raise UserError(
                f"a model of the recipe {world.config.recipe!r} has no read-out to servo by"
            )
        super().__init__(spec, world, advance, shared_views(world, spec), device, calibrate, homing)
        self.weights_digest = weights_digest(world)

    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """Straight to the goal picture's pose."""
        pose = self._goal_pose(self._subgoals.index, latent, proprio)
        self._distance = float(np.linalg.norm(pose[:3] - proprio[:3]))
        action = poses.difference(proprio, pose) / self.spec.action_scale
        action[6] = (pose[6] - target[6]) / self.spec.action_scale[6]
        return action

    def diagnostics(self) -> dict[str, float]:
        """Sub-goal and distance to it, metres."""
        return {"goal": float(self._subgoals.index), "distance_m": self._distance}
