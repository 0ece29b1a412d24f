"""How success grows with experience, and how far it depends on the training seed.

    worldsim learning agents/weights results/cards results/learning.parquet

Reads what lies below the folders: cards of trained agents (``config.json`` with a learning curve on
development seeds) and evaluations of agents that learnt from a data set. Draws one figure a task,
success against environment transitions beside success against offline frames, and prints for every
agent that was trained several times the success of each training, their mean and extremes, and from
four trainings on the interquartile mean with a bootstrap interval over the trainings (arXiv
2108.13264). Trainings are evaluated alike: same cameras, goal pictures, options and seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class LearningConfig:
    """Options of ``worldsim learning``.

    Attributes:
        folders: with cards of trained agents, and evaluations.
        out: folder for the figures.
        goal: only evaluations on these goal pictures (subgoals, dense or final).
        cameras: only evaluations with these, a comma list.
    """

    folders: Positional[tuple[str, ...]]
    out: str = "runs/learning"
    goal: str | None = None
    cameras: str | None = None
