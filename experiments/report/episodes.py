"""One finished episode on disk: its row, its simulator states and traces, its goal pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import envs
from envs.errors import UserError
from envs.goals import GoalSequence, make_goals
from envs.sim_env import bare
from experiments.runs.arms import Arm
from experiments.runs.spec import RunSpec
from worldsim.files import UNREADABLE


@dataclass(frozen=True)
class StoredEpisode:
    """One finished episode on disk.

    Attributes:
        arm: whose episode it is.
        row: the episode's.
    """

    arm: Arm
    row: dict[str, Any]

    @classmethod
    def all_of(cls, arm: Arm) -> list[StoredEpisode]:
        """Those of an arm whose states are still there."""
        found = [cls(arm, row) for row in arm.rows]
        return [episode for episode in found if episode.states.exists()]

    @property
    def spec(self) -> RunSpec:
        """What was run."""
        return self.arm.spec

    @property
    def states(self) -> Path:
        """File of simulator states and traces."""
        return self.arm.folder / "states" / f"{self.row['seed']}.npz"

    @property
    def outcome(self) -> str:
        """How it ended: "success" or "failure"."""
        return "success" if self.row["success"] else "failure"

    def load(self) -> dict[str, NDArray[Any]]:
        """``physics`` and traces.

        Raises:
            UserError: naming the file, when it is missing or damaged.
        """
        try:
            with np.load(self.states, allow_pickle=False) as file:
                found = {name.removeprefix("trace_"): file[name] for name in file.files}
        except UNREADABLE as error:
            raise UserError(f"{self.states} is missing or damaged: {error}") from error
        if found.get("physics", np.zeros(0)).ndim != 2:
            raise UserError(f"{self.states} is damaged: it holds no simulator states")
        return found

    def goals(self) -> GoalSequence | None:
        """The pictures the agent was given."""
        spec = self.spec
        options = {"cameras": spec.cameras, "image_size": spec.image_size}
        return make_goals(
            spec.task, self.row["seed"], spec.goal, variation=spec.variation, **options
        )

    def env(self) -> Any:
        """An environment at the episode's start, for drawing alone."""
        env = _env(self.spec.task, self.spec.variation)
        env.reset(seed=self.row["seed"])
        return env


@lru_cache(maxsize=4)
def _env(task: str, variation: str) -> Any:
    return bare(envs.make(task, obs_mode="state", variation=variation))
