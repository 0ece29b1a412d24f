"""What a task is: its declaration, and the rules that turn a scene into an episode of it.

A task is one file: a ``Task`` (starts, goal, reward, success, stage), an expert, and the
``TaskSpec`` that names them (``envs/reach.py`` is the shortest). Declaring one imports neither
MuJoCo nor SciPy. All positions are metres in the robot-base frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from envs.draws import Draws
    from envs.experts import Expert
    from envs.scene import Scene
    from envs.start import Start

Array = NDArray[np.float64]

STAGES: tuple[str, ...] = ("none", "reached", "grasped", "lifted", "placed")
"""How far an episode can get, in order; ``info["stage"]`` is the furthest."""

GOAL_MODES: tuple[str, ...] = ("subgoals", "dense", "final")
"""Protocols of goal pictures: the paper's, every stage of the expert, one picture."""


class Task(ABC):
    """The rules of one task: functions of the scene as it is now."""

    @abstractmethod
    def sample_start(self, draws: Draws) -> Start:
        """Draw where everything starts and what the goal is."""

    @abstractmethod
    def achieved_goal(self, scene: Scene) -> Array:
        """(G,) what has been achieved now, comparable with the start's ``goal``."""

    @abstractmethod
    def sparse_reward(self, achieved_goal: Array, desired_goal: Array) -> Any:
        """Vectorised over leading axes: 0 at the goal, -1 elsewhere.

        A function of the two goals alone, so that relabelling with other goals is exact.
        """

    @abstractmethod
    def reward_terms(self, scene: Scene, goal: Array) -> dict[str, float]:
        """Named terms of the dense reward."""

    @abstractmethod
    def distance(self, scene: Scene, goal: Array) -> float:
        """Metres left to the goal."""

    @abstractmethod
    def stage(self, scene: Scene) -> str:
        """One of ``STAGES``: what holds at this instant of an episode not yet solved."""

    def condition(self, scene: Scene, goal: Array) -> bool:
        """Whether the success condition holds at this instant (dwell is counted by the env).

        That is where the sparse reward is 0, and what the goals cannot tell is ``confirmed``.
        """
        at_goal = bool(self.sparse_reward(self.achieved_goal(scene), goal) == 0.0)
        return at_goal and self.confirmed(scene)

    def confirmed(self, scene: Scene) -> bool:
        """What success asks for beyond the goals: nothing, unless a task says so."""
        return True

    def info(self, scene: Scene, goal: Array) -> dict[str, Any]:
        """Further entries of ``info``."""
        return {}


@dataclass(frozen=True)
class TaskSpec:
    """The declaration of a task.

    Attributes:
        name: on the command line.
        id: of Gymnasium.
        task: makes its rules.
        expert: makes its scripted expert.
        budget: control steps an episode may take.
        goal_size: numbers in a goal.
        objects: how many stand on the table.
        solved_stage: the one of ``STAGES`` that a solved episode has reached.
        schedules: protocol of ``GOAL_MODES`` -> expert stage -> control steps an agent on the fixed
            schedule spends on the picture of that stage, in order.
        action_dims: of the seven, those the task needs; what practises on it may hold the others.
        dwell_s: seconds for which the success condition must hold.
    """

    name: str
    id: str
    task: Callable[[], Task]
    expert: Callable[[], Expert]
    budget: int
    goal_size: int
    objects: int
    solved_stage: str
    schedules: Mapping[str, Mapping[str, int]]
    action_dims: tuple[int, ...]
    dwell_s: float = 0.0


def share_out(budget: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Whole steps for each name, in proportion to its weight; together they are the budget."""
    ends = np.cumsum([0, *weights.values()]) * budget / sum(weights.values())
    steps = np.diff(np.round(ends).astype(int)).tolist()
    return dict(zip(weights, steps, strict=True))
