"""Uniform random actions: the floor of every table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agents.base import EpisodeAgent, Tier
from envs import EnvSpec
from envs.goals import GoalSequence


class RandomAgent(EpisodeAgent):
    """Draws every action uniformly from [-1, 1]; looks at nothing."""

    tier = Tier.C

    def __init__(self, spec: EnvSpec) -> None:
        super().__init__(spec)

    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Take over the episode's generator."""
        self._rng = rng

    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """(A,) uniform in [-1, 1]."""
        return self._rng.uniform(-1.0, 1.0, len(self.spec.action_scale))
