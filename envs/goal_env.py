"""Shows hindsight replay the reward of a wrapped environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym


class GoalReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Hands on ``compute_reward``, which Gymnasium's wrappers hide, where there is one.

    It records that it takes no arguments, so that ``gymnasium.make(env.spec)`` makes it again.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def get_wrapper_attr(self, name: str) -> Any:
        """As Gymnasium's, which would hide why there is no ``compute_reward``."""
        return self.compute_reward if name == "compute_reward" else super().get_wrapper_attr(name)

    @property
    def compute_reward(self) -> Callable[..., Any]:
        """``compute_reward(achieved_goal, desired_goal, info)``, vectorised.

        Raises:
            AttributeError: goals are not observed, or the reward is no function of them.
        """
        env: Any = self.unwrapped
        if not hasattr(env, "compute_reward"):
            raise AttributeError(
                "hindsight takes goals that are observed and a reward of nothing but them: make "
                'the environment with obs_mode="state" or "all" and reward="sparse"'
            )
        reward: Callable[..., Any] = env.compute_reward
        return reward
