"""Hindsight goals (arXiv 1707.01495): later frames of an episode as goals for its earlier frames.

They teach the goal head two things without any label beyond the recorded run itself: which actions
lead from here to there, and how many control steps lie between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.errors import UserError
from worldsim.training.batches import Arrays, gather
from worldsim.training.releases import Releases
from worldsim.world_model import WorldModel

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Hindsight:
    """Goals within episodes.

    Attributes:
        ends: (F,) last frame of the episode each frame belongs to.
        useful: (F,) whether the episode's policy is worth imitating.
        released: share of the goals that are frames just after something was let go.
        releases: where that was; None if there are no such goals.
    """

    ends: Index
    useful: NDArray[np.bool_]
    released: float = 0.0
    releases: Releases | None = None

    @classmethod
    def of(cls, arrays: Arrays, demonstrators: tuple[str, ...], released: float = 0.0) -> Hindsight:
        """Index a data set; ``demonstrators`` are policies (by prefix) to imitate.

        Raises:
            UserError: goals just after a release are asked for, and nothing was let go.
        """
        found = Releases.of(arrays) if released else None
        if found is not None and not len(found.frames):
            raise UserError(
                f"released {released:g}: nothing is taken and let go in the data, so there are no "
                "goals just after it"
            )
        return cls(arrays.ends, arrays.collected_by(demonstrators), released, found)

    def demonstrations(self) -> Index:
        """Frames worth imitating that have a later one, and a goal of the only kind asked for.

        Raises:
            ValueError: when there are none.
        """
        frames = np.flatnonzero(self.useful & (np.arange(len(self.ends)) < self.ends))
        if self.releases is not None and self.released == 1.0:
            frames = frames[self.releases.follows(frames)]
        if not len(frames):
            raise UserError("no demonstrations in the data: the goal head has nothing to learn")
        return frames

    def sample(self, now: Index, max_steps: int, rng: np.random.Generator) -> tuple[Index, Index]:
        """Goals (B,) for frames (B,) and the steps between; 0 where a frame is its own goal.

        Half the goals lie within a quarter of ``max_steps``, where distances must be told apart
        finely; the others anywhere up to it. Those just after a release may lie farther.
        """
        reach = np.where(rng.random(len(now)) < 0.5, max(1, max_steps // 4), max_steps)
        goals = now + np.minimum(rng.integers(0, reach + 1), self.ends[now] - now)
        if self.releases is not None:
            chosen = (rng.random(len(now)) < self.released) & self.releases.follows(now)
            goals[chosen] = self.releases.goals(now[chosen], rng)
        return goals, goals - now


def actions_towards(arrays: Arrays, here: Index, goals: Index, chunk: int) -> Tensor:
    """Actions (..., chunk, 7) intended from frames ``here`` (...) on; zero once at ``goals``.

    What to do at the goal is to hold still: without that lesson proposals there are noise, and a
    gripper that has let go closes again.
    """
    future, ends = here[..., None] + np.arange(chunk), goals[..., None]
    before = torch.from_numpy(future < ends).unsqueeze(-1)
    return before * gather(arrays.intended, np.minimum(future, ends))


def chunks_towards(model: WorldModel, arrays: Arrays, here: Index, goals: Index) -> Tensor:
    """The same as a model's chunks (B, H, 7), in units of its action scale and on its device."""
    towards = actions_towards(arrays, here, goals, model.config.chunk)
    return towards.to(model.device) / model.action_scale


@dataclass(frozen=True)
class GoalBatch:
    """B pairs of a present frame and a goal, and what leads from one to the other.

    Attributes:
        proprio: (B, 7) achieved poses now.
        closedness: (B,) commanded now.
        actions: (B, H, 7) to take, in units of the action scale.
        steps: (B,) to the goal.
        weights: (B,) equal and of sum one over the pairs whose actions are worth imitating.
    """

    proprio: Tensor
    closedness: Tensor
    actions: Tensor
    steps: Tensor
    weights: Tensor

    @classmethod
    def of(
        cls, model: WorldModel, arrays: Arrays, hindsight: Hindsight, here: Index, goals: Index
    ) -> GoalBatch:
        """Gather pairs of rows (B,) and (B,) on the model's device."""
        device = str(model.device)
        counts = _tensor(hindsight.useful[here], device)
        return cls(
            gather(arrays.proprio, here).to(device),
            gather(arrays.target, here)[:, 6].to(device),
            chunks_towards(model, arrays, here, goals),
            _tensor(goals - here, device),
            counts / counts.sum().clamp(min=1),
        )


def goal_losses(
    model: WorldModel, batch: GoalBatch, now: Tensor, then: Tensor
) -> tuple[Tensor, Tensor]:
    """Losses of the goal head's proposals and of its steps to go.

    Args:
        model: whose goal head.
        batch: pairs.
        now: (B, N, D) latents of their present frames.
        then: (B, N, D) latents of their goals.

    Returns:
        Mean absolute error of the proposed actions, in units of the action scale; smooth L1 of the
        steps to go over the largest distance.
    """
    proposed, distance = model.propose(now, then, batch.proprio, batch.closedness)
    error = (proposed - batch.actions).abs().mean(dim=(1, 2))
    farthest = model.config.max_steps
    label = (batch.steps / farthest).clamp(max=1.0)
    gap = F.smooth_l1_loss(distance / farthest, label, beta=0.1, reduction="none")
    return (error * batch.weights).sum(), (gap * batch.weights).sum()


def _tensor(values: NDArray[np.generic], device: str) -> Tensor:
    return torch.from_numpy(values).to(device).float()
