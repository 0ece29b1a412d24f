"""Shows hindsight replay the reward of a wrapped environment, and people where the rest is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym

from envs.errors import UserError

_NO_REWARD = (
    "hindsight takes goals that are observed and a reward of nothing but them: make "
    'the environment with obs_mode="state" or "all" and reward="sparse"'
)


class GoalReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Hands on ``compute_reward``, which Gymnasium's wrappers hide, where there is one.

    It records that it takes no arguments, so that ``gymnasium.make(env.spec)`` makes it again.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def __getattr__(self, name: str) -> Any:
        """Say where something is that Gymnasium's wrappers do not hand on.

        Raises:
            AttributeError: always.
        """
        if name == "compute_reward":
            raise AttributeError(_NO_REWARD)
        env = vars(self).get("env")  # not there yet while a copy is made
        own = () if env is None else (*vars(env.unwrapped), *dir(type(env.unwrapped)))
        if name in own and not name.startswith("_"):
            raise AttributeError(f"{name} is the environment's own: env.unwrapped.{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_wrapper_attr(self, name: str) -> Any:
        """As Gymnasium's, but for a missing ``compute_reward``: Stable-Baselines3 asks for it here.

        Raises:
            UserError: there is none. Wrappers further out would take an AttributeError for their
                own, and hide why.
        """
        if name == "compute_reward" and not hasattr(self, name):
            raise UserError(_NO_REWARD)
        return super().get_wrapper_attr(name)

    @property
    def compute_reward(self) -> Callable[..., Any]:
        """``compute_reward(achieved_goal, desired_goal, info)``, vectorised.

        Raises:
            AttributeError: goals are not observed, or the reward is no function of them.
        """
        env: Any = self.unwrapped
        reward: Callable[..., Any] = env.compute_reward
        return reward
