"""Policies that make training data: noisy experts, contact explorers, play, and branched contact.

Every explorer returns the action it takes and the action it *intended* (before noise), both in
[-1, 1]. Worlds learnt from experts alone have never seen a miss: the mixture holds aborted and
failed grasps, pushes, drops and idle motion on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from envs.experts import Reading
from envs.geometry import WORKSPACE_HIGH, WORKSPACE_LOW
from envs.spec import TRANSLATION_SCALE_M
from envs.tasks import get_task

Array = NDArray[np.float64]

CONTACT_RANGE_M = 0.05
NOISE_LEVELS = (0.0, 0.1, 0.25, 0.5)
BURST_SHARE = 0.15
TOGGLED_SHARE = 0.15
REST_STEPS = 3
_TILT_NOISE = 0.1


class Explorer(Protocol):
    """A data-collecting policy for one episode."""

    name: str
    finished: bool  # whether what would come next is not worth recording

    def act(self, observation: Mapping[str, Array]) -> tuple[Array, Array]:
        """(taken, intended) actions (7,) for a privileged observation."""
        ...


class Bursts:
    """Smooth noise that comes and goes.

    Args:
        rng: draws it.
        level: of the noise, in actions.
    """

    def __init__(self, rng: np.random.Generator, level: float) -> None:
        self._rng, self._level = rng, level
        self._noise = np.zeros(7)
        self._steps = 0

    def next(self) -> Array:
        """(7,) while a burst lasts, else nothing."""
        if self._steps == 0 and self._rng.random() < BURST_SHARE:
            self._steps = int(self._rng.integers(2, 6))
            self._noise = np.zeros(7)
        if self._steps == 0:
            return np.zeros(7)
        self._steps -= 1
        self._noise = 0.5 * self._noise + self._rng.normal(0.0, self._level, 7)
        return self._noise * [1, 1, 1, 0.3, 0.3, 1, 0.3]


class NoisyExpert:
    """The scripted expert under bursts of noise, with random aborts; rests a little when done.

    Between bursts it is left alone, so that it recovers and still finishes most of its episodes.
    """

    finished = False

    def __init__(self, task: str, rng: np.random.Generator) -> None:
        self.level = float(rng.choice(NOISE_LEVELS))
        self.name = f"expert-{self.level:g}"
        self._expert = get_task(task).expert()
        self._rng = rng
        self._bursts = Bursts(rng, self.level)
        self._abort_steps = 0
        self._can_abort = self.level > 0.0 and rng.random() < 0.4
        self._rest = REST_STEPS

    def act(self, observation: Mapping[str, Array]) -> tuple[Array, Array]:
        """Expert action, disturbed; during an abort the gripper does the opposite."""
        intended = np.clip(self._expert.act(observation), -1.0, 1.0)
        if self._expert.stage == "done":
            self._rest -= 1
            self.finished = self._rest == 0
            return intended, intended
        if self._can_abort and self._abort_steps == 0 and self._rng.random() < 0.06:
            self._abort_steps = int(self._rng.integers(1, 4))
        taken = intended.copy()
        if self._abort_steps > 0:
            self._abort_steps -= 1
            taken[6] = -taken[6]
            self._expert.reset()
        return np.clip(taken + self._bursts.next(), -1.0, 1.0), intended


class Play:
    """Random waypoints, half of them at the object, each with a gripper command."""

    name = "play"
    finished = False
    near_m = (0.03, 0.03, 0.04)
    """Deviation of the waypoints at the object, m."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = 0
        self._waypoint = np.zeros(3)
        self._speed, self._gripper, self._yaw = 1.0, 0.0, 0.0

    def _choose(self, reading: Reading) -> None:
        rng = self._rng
        self._left = int(rng.integers(2, 7))
        self._waypoint = rng.uniform(WORKSPACE_LOW, WORKSPACE_HIGH)
        if rng.random() < 0.5:
            self._waypoint = reading.place + rng.normal(0.0, self.near_m)
        self._speed = float(rng.uniform(0.3, 1.0))
        self._gripper = float(rng.choice([-1.0, 0.0, 0.0, 1.0]))
        self._yaw = float(rng.uniform(-1.0, 1.0))

    def act(self, observation: Mapping[str, Array]) -> tuple[Array, Array]:
        """Head for the present waypoint."""
        reading = Reading.of(observation)
        if self._left == 0:
            self._choose(reading)
        self._left -= 1
        move = (self._waypoint - reading.tool) / TRANSLATION_SCALE_M
        move *= self._speed / max(1.0, float(np.abs(move).max()))
        turn = np.array([*self._rng.normal(0.0, _TILT_NOISE, 2), self._yaw])
        action = np.concatenate([move, turn, [self._gripper]])
        action[:3] += self._rng.normal(0.0, 0.1, 3)
        action = np.clip(action, -1.0, 1.0)
        return action, action


class Tinker(Play):
    """Undirected: waypoints closer to the object, a gripper that is toggled at random."""

    name = "tinker"
    near_m = (0.012, 0.012, 0.012)

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._gripper = -1.0

    def _choose(self, reading: Reading) -> None:
        grip = self._gripper
        super()._choose(reading)
        self._gripper = grip

    def act(self, observation: Mapping[str, Array]) -> tuple[Array, Array]:
        """Head for the present waypoint."""
        if self._rng.random() < TOGGLED_SHARE:
            self._gripper = -self._gripper
        return super().act(observation)


class ContactExplorer:
    """Goes to the object as the expert does, then tries things: nudges, squeezes, lifts, drops."""

    name = "contact"
    finished = False

    def __init__(self, task: str, rng: np.random.Generator) -> None:
        self._expert = get_task(task).expert()
        self._rng = rng
        self._left = 0
        self._action = np.zeros(7)
        self._exploring = False

    def act(self, observation: Mapping[str, Array]) -> tuple[Array, Array]:
        """The expert until close to the object, then random short moves around it."""
        reading = Reading.of(observation)
        intended = np.clip(self._expert.act(observation), -1.0, 1.0)
        distance = float(np.linalg.norm(reading.place - reading.tool))
        if distance > 2.0 * CONTACT_RANGE_M:
            self._exploring = False
        elif distance < CONTACT_RANGE_M:
            self._exploring = True
        if not self._exploring:
            taken = intended + self._rng.normal(0.0, 0.15, 7) * [1, 1, 1, 0.2, 0.2, 1, 0.2]
            return np.clip(taken, -1.0, 1.0), intended
        if self._left == 0:
            self._left = int(self._rng.integers(1, 4))
            self._action = np.concatenate(
                [
                    self._rng.normal(0.0, [0.35, 0.35, 0.5]),
                    self._rng.normal(0.0, [_TILT_NOISE, _TILT_NOISE, 0.4]),
                    [self._rng.choice([-1.0, 0.0, 1.0])],
                ]
            )
        self._left -= 1
        action = np.clip(self._action, -1.0, 1.0)
        return action, action


def make_explorer(task: str, rng: np.random.Generator) -> Explorer:
    """Draw one explorer of the default mixture for a task."""
    draw = rng.random()
    if draw < 0.75:
        return NoisyExpert(task, rng)
    if draw < 0.87 and get_task(task).objects:
        return ContactExplorer(task, rng)
    return Play(rng)


def contact_branches(rng: np.random.Generator, steps: int) -> list[tuple[str, Array]]:
    """Alternatives to try from one state near contact: {close, hold, open} x {up, offset}.

    Returns:
        (name, (steps, 7) actions in [-1, 1]) for each alternative.
    """
    offset = np.clip(rng.normal(0.0, [0.3, 0.3, 0.15]), -1.0, 1.0)
    moves = {"up": np.array([0.0, 0.0, 0.8]), "offset": offset}
    branches = []
    for grip_name, grip in (("close", 1.0), ("hold", 0.0), ("open", -1.0)):
        for move_name, move in moves.items():
            actions = np.zeros((steps, 7))
            # The gripper acts first and the move follows, as in every real grasp.
            actions[0, 6] = grip
            actions[1:, :3] = move
            actions[1:, :3] += rng.normal(0.0, 0.05, (steps - 1, 3))
            branches.append((f"branch-{grip_name}-{move_name}", np.clip(actions, -1.0, 1.0)))
    return branches
