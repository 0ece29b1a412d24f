"""A made-up episode, to time what an action takes before there is any."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.base import EpisodeAgent
from envs import EnvSpec
from envs.goals import GoalSequence


class MadeUpEpisode:
    """Noise for pictures, and a gripper that stays in the middle of the workspace.

    Args:
        spec: the environment's interface.
        views: cameras that an agent looks through.
    """

    def __init__(self, spec: EnvSpec, views: tuple[str, ...]) -> None:
        rng = np.random.default_rng(0)
        shape = (2, spec.image_size, spec.image_size, 3)
        pictures = {view: rng.integers(0, 256, shape, dtype=np.uint8) for view in views}
        middle = (spec.workspace_low + spec.workspace_high) / 2.0
        pose = np.concatenate([middle, [np.pi, 0.0, 0.0, 0.0]])
        goals = {view: both[1:] for view, both in pictures.items()}
        self._goal = GoalSequence(goals, ("made-up",), np.array([spec.budget]))
        self._seen = {f"image_{view}": both[0] for view, both in pictures.items()}
        self._seen |= {"proprio": pose, "target": pose}

    def begin(self, agent: EpisodeAgent) -> None:
        """Let an agent begin it."""
        agent.reset(self._goal, np.random.default_rng(0))

    def seconds(self, agent: EpisodeAgent, clock: Callable[[], float]) -> float:
        """How long an agent takes for one more action."""
        started = clock()
        agent.act(self._seen)
        return clock() - started
