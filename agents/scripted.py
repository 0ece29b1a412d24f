"""The scripted expert as an agent: privileged state, the upper reference of every table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agents.base import EpisodeAgent, Tier
from envs import EnvSpec, find_task
from envs.errors import UserError
from envs.goals import GoalSequence


class ExpertAgent(EpisodeAgent):
    """Runs the task's own expert; goals are not used."""

    observation_keys = ("observation", "desired_goal")
    tier = Tier.A

    def __init__(self, spec: EnvSpec) -> None:
        expert = find_task(spec.task).expert
        if expert is None:
            raise UserError(f"there is no scripted expert of {spec.task}")
        super().__init__(spec)
        self._expert = expert()

    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start over."""
        self._expert.reset()

    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """The expert's action, (A,) in [-1, 1]."""
        return np.clip(self._expert.act(observation), -1.0, 1.0)
