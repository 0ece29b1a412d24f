"""What the agents on the planner's latents share: encoding, sub-goals, advance rules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.base import EpisodeAgent
from agents.homing import Homing
from agents.subgoals import SubGoals, arrived
from agents.threads import one_thread
from envs import EnvSpec
from envs.errors import UserError
from envs.goals import GoalSequence
from worldsim import load_world_model
from worldsim.calibration import Calibration
from worldsim.devices import check_device
from worldsim.encoders import encoder_digest
from worldsim.planning.cost import read_goal_pose
from worldsim.world_model import WorldModel

Array = NDArray[np.float64]


def find_encoder(name: str, wanted: str, algorithm: str) -> WorldModel:
    """The world model whose encoder some weights were trained on.

    Args:
        name: shipped name or folder recorded in training; the shipped "tiny" is tried too.
        wanted: digest of the encoder.
        algorithm: for the message.

    Raises:
        ValueError: when neither has that encoder: latents of another one mean something else.
    """
    for place in dict.fromkeys((name, "tiny")):
        try:
            model = load_world_model(place)
        except ValueError:
            continue
        if encoder_digest(model.encoder) == wanted:
            return model
    raise UserError(
        f"these {algorithm} weights were trained on the latents of another encoder than that of "
        f"{name} or tiny: train them again with 'worldsim train {algorithm}'"
    )


def shared_views(model: WorldModel, spec: EnvSpec) -> tuple[str, ...]:
    """Cameras that a model and an environment share; a model makes do with its first ones.

    Raises:
        ValueError: when the model's first camera is not among them, or one between is missing.
    """
    known = model.config.cameras
    views = tuple(camera for camera in known if camera in spec.cameras)
    if not views or views != known[: len(views)]:
        raise UserError(
            f"cameras {','.join(spec.cameras)} given: this world model needs {known[0]}"
            + (f", and may use {', '.join(known[1:])}" if len(known) > 1 else "")
        )
    return views


class LatentAgent(EpisodeAgent):
    """Encodes what it sees with the planner's encoder and asks a policy.

    Args:
        spec: the environment's interface.
        model: whose encoder and read-out.
        advance: "arrival" (gripper read from the goal picture, as the planner does) or "schedule".
        views: cameras to look through; None: all of the model's.
        device: to compute on; the model is moved there.
        calibrate: put pictures where the robot's own pose reads right in them, see
            ``worldsim.calibration``.
        homing: first go where training episodes began, see ``agents.homing``.

    Raises:
        ValueError: when the environment lacks one of the cameras; for an unknown rule; no such
            device; there is no read-out to calibrate by, or nobody knows where episodes began.
    """

    def __init__(
        self,
        spec: EnvSpec,
        model: WorldModel,
        advance: str = "arrival",
        views: tuple[str, ...] | None = None,
        device: str = "cpu",
        calibrate: bool | None = None,
        homing: bool | None = None,
    ) -> None:
        check_device(device)
        views = views or model.config.cameras
        if not set(views) <= set(spec.cameras):
            raise UserError(
                f"cameras {','.join(spec.cameras)} given: this agent needs {','.join(views)}"
            )
        self.observation_keys = (*(f"image_{c}" for c in views), "proprio", "target")
        super().__init__(spec, views)
        self.model, self._advance = model.to(device).eval(), advance
        SubGoals(np.ones(1, dtype=np.int64), advance)  # an unknown rule is refused now
        self._calibration = Calibration(self.model, views) if calibrate else None
        self._homing = Homing(spec, self.model) if homing else None

    @one_thread()
    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode towards a sequence of goal pictures."""
        self._rng = rng
        self._pictures = {c: np.asarray(goal.images[c], np.uint8) for c in self.views}
        if self._calibration is not None:
            self._calibration.reset()
        if self._homing is not None:
            self._homing.reset()
        self._look_at_goals()
        self._subgoals = SubGoals(goal.budgets, self._advance)

    @one_thread()
    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> Array:
        """Action (7,) in [-1, 1]."""
        images = {c: np.asarray(observation[f"image_{c}"], np.uint8)[None] for c in self.views}
        proprio = np.asarray(observation["proprio"], dtype=np.float64)
        target = np.asarray(observation["target"], dtype=np.float64)
        if proprio.shape != (7,) or target.shape != (7,):
            raise UserError(
                f"proprio has shape {proprio.shape} and target {target.shape}: allowed is (7,)"
            )
        if self._calibration is not None and self._calibration.look(images, proprio, self._rng):
            self._look_at_goals()
        self._seen = self._placed(images)
        latent = self._encode(self._seen)[0]
        index = self._subgoals.step(lambda k: self._arrived(k, latent, proprio))
        action = self.policy(latent, self._goals[index], proprio, target)
        home = None if self._homing is None else self._homing.action(proprio, target)
        return self._subgoals.settle(np.clip(action, -1.0, 1.0)) if home is None else home

    def diagnostics(self) -> Mapping[str, float | NDArray[np.float32]]:
        """Which sub-goal is being worked towards."""
        return {"goal": float(self._subgoals.index)}

    @abstractmethod
    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """Action (7,) from latents (N, D) now and of the goal picture, pose and commanded pose."""

    def _goal_pose(self, index: int, latent: Tensor, proprio: Array) -> Array:
        """(7,) gripper pose in a goal picture."""
        pose = read_goal_pose(self.model, latent, self._goals[index], proprio)
        return pose.cpu().double().numpy()

    def _arrived(self, index: int, latent: Tensor, proprio: Array) -> bool:
        """Whether the gripper is where a goal picture shows it."""
        return arrived(self._goal_pose(index, latent, proprio), proprio)

    def _look_at_goals(self) -> None:
        """The goal pictures as the model is to see them, and their latents (K, N, D)."""
        self._wanted = self._placed(self._pictures)
        self._goals = self._encode(self._wanted)

    @torch.no_grad()
    def _encode(self, images: Mapping[str, NDArray[np.uint8]]) -> Tensor:
        return self.model.encode(images)

    def _placed(self, images: Mapping[str, NDArray[np.uint8]]) -> Mapping[str, NDArray[np.uint8]]:
        """Pictures (B, H, W, 3) as the model is to see them."""
        return images if self._calibration is None else self._calibration.placed(images)
