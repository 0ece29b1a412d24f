"""A task as model-free RL practises on it: needed actions only, training seeds, exact resume."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import envs
from agents.sb3 import KEYS
from worldsim.errors import UserError

TRAINING_SEEDS = 100_000


class TrainingEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """State vectors (``KEYS``) in, the action dimensions a task needs out.

    Episodes last their whole budget, success or not: what is reached must be held. Every reset
    takes the next training seed of its own share, so that episodes never repeat.

    Args:
        task: one of ``envs.TASKS``.
        seed: of the training run; decides where the training seeds start.
        share: (i, n): this is environment i of n.
        reward_scale: rewards are multiplied by it.
        **options: of ``envs.make``; rewards are sparse and vectors are shown unless they say so.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (Gymnasium declares it as an instance attribute)

    def __init__(
        self,
        task: str,
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
        reward_scale: float = 1.0,
        **options: Any,
    ) -> None:
        self.base: Any = envs.make(task, **{"obs_mode": "state"} | options).unwrapped
        self._dims, self._scale = list(envs.TASKS[task].action_dims), reward_scale
        self._budget = self.base.env_spec.budget
        self._next, self._stride = (10_000 * seed + share[0]) % TRAINING_SEEDS, share[1]
        self._steps = 0
        self.observation_space = self.make_space()
        self.action_space = spaces.Box(-1.0, 1.0, (len(self._dims),), np.float32)

    def make_space(self) -> spaces.Dict:
        """Space of ``observe``."""
        found = self.base.observation_space
        assert isinstance(found, spaces.Dict)
        boxes: dict[str, Any] = {key: found[key] for key in KEYS}
        return spaces.Dict(
            {
                k: spaces.Box(float(b.low.min()), float(b.high.max()), b.shape)
                for k, b in boxes.items()
            }
        )

    def observe(self, observation: dict[str, Any]) -> dict[str, Any]:
        """What the learner gets of an observation."""
        return {key: observation[key].astype(np.float32) for key in KEYS}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start on the next training seed, whatever ``seed`` says; see ``start``."""
        observation, info = self.start(self._next)
        self._next = (self._next + self._stride) % TRAINING_SEEDS
        return observation, info

    def start(self, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start on a given episode seed."""
        observation, info = self.base.reset(seed=seed)
        self._steps = 0
        return self.observe(observation), info

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act; the episode is cut off when its budget is spent."""
        full = np.zeros(7)
        full[self._dims] = action
        observation, reward, _, _, info = self.base.step(full)
        self._steps += 1
        short = {"is_success": info["is_success"]}  # a replay buffer keeps what it is given
        done = self._steps >= self._budget
        return self.observe(observation), reward * self._scale, False, done, short

    def compute_reward(
        self, achieved_goal: NDArray[np.floating[Any]], desired_goal: Any, info: Any
    ) -> Any:
        """The reward of other goals, for hindsight; only sparse rewards have one."""
        return self.base.compute_reward(achieved_goal, desired_goal, info) * self._scale

    def checkpoint(self) -> dict[str, Any]:
        """Everything the rest of the training depends on."""
        return {"env": self.base.get_state(), "next": self._next, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a ``checkpoint``."""
        self.base.set_state(state["env"])
        self._next, self._steps = state["next"], state["steps"]


def solve(env: TrainingEnv, seed: int, act: Any) -> bool:
    """Whether a policy, observation -> action, solves an episode seed."""
    observation, info = env.start(seed)
    done = False
    while not done and not info["is_success"]:
        observation, _, _, done, info = env.step(act(observation))
    return bool(info["is_success"])


def start_statistics(
    task: str, count: int = 300
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of what the learner sees at the starts of training seeds; no step taken.

    Deviations are at least 0.1: what never differs at the start (contact, closedness, velocity)
    keeps a sensible scale.
    """
    env = TrainingEnv(task)
    starts = [env.start(seed)[0] for seed in range(count)]
    vectors = np.stack([np.concatenate([start[key] for key in KEYS]) for start in starts])
    return vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 0.1)


def check_hindsight(task: str, count: int = 20) -> None:
    """Refuse hindsight where the observation repeats the goal.

    Relabelling replaces ``desired_goal`` and nothing else: four in five transitions would then
    contradict themselves. What is achieved may be observed: a grasp's goal is above its object.

    Raises:
        UserError: naming an entry of the observation that is an entry of the goal at every start.
    """
    env = TrainingEnv(task)
    starts = [env.start(seed)[0] for seed in range(count)]
    achieved, wanted, seen = (np.stack([start[key] for start in starts]) for key in KEYS)

    def same(goals: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(observation, goal) whether an entry equals a goal's at every start."""
        gap: NDArray[np.float32] = np.abs(seen[:, :, None] - goals[:, None, :]).max(axis=0)
        return gap < 1e-5

    differing = np.ptp(wanted, axis=0) > 1e-4
    for entry, coordinate in np.argwhere(same(wanted) & ~same(achieved) & differing):
        raise UserError(
            f"observation[{entry}] of {task} is desired_goal[{coordinate}] at every start: "
            "hindsight would contradict it; keep the goal out of the observation"
        )
