"""Shows hindsight replay the reward of a wrapped environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym


class GoalReward(gym.Wrapper[Any, Any, Any, Any]):
    """Hands on ``compute_reward``, which Gymnasium's wrappers hide, where there is one."""

    @property
    def compute_reward(self) -> Callable[..., Any]:
        """``compute_reward(achieved_goal, desired_goal, info)``, vectorised."""
        env: Any = self.unwrapped
        reward: Callable[..., Any] = env.compute_reward
        return reward
