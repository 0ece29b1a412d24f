"""How far an episode is: dwell at success, and the furthest stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envs.task import STAGES, Task, TaskSpec

if TYPE_CHECKING:
    from envs.scene import Scene


@dataclass(frozen=True)
class Progress:
    """What has been achieved up to now.

    Attributes:
        held_since: simulated second since which the success condition has held, or None.
        success: whether it has held for as long as the task asks.
        stage: the furthest of ``STAGES`` so far, as an index.
    """

    held_since: float | None = None
    success: bool = False
    stage: int = 0

    def after(self, spec: TaskSpec, rules: Task, scene: Scene, at_goal: bool) -> Progress:
        """Progress once the scene is as it is now, where the sparse reward is 0 or is not."""
        now = float(scene.data.time)
        holds = at_goal and rules.confirmed(scene)
        since = (now if self.held_since is None else self.held_since) if holds else None
        success = since is not None and now - since >= spec.dwell_s - 1e-6
        stage = STAGES.index(spec.solved_stage if success else rules.stage(scene))
        return Progress(since, success, max(self.stage, stage))
