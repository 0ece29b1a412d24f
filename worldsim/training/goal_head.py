"""Part 3: a fresh goal head on frozen latents.

Stage 2 needs a goal head for what the predictor imagines, and trains the two together. The same
network trained anew, on real latents alone, proposes better (docs/grasp.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from worldsim.training.batches import Arrays, gather_tokens
from worldsim.training.hindsight import GoalBatch, Hindsight, Index, goal_losses
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import GoalHeadConfig
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel


@dataclass(frozen=True)
class DemonstratedPairs:
    """Frames of demonstrations and hindsight goals, sampled with their latents."""

    model: WorldModel
    latents: Arrays
    hindsight: Hindsight
    imitated: Index

    @classmethod
    def of(
        cls,
        model: WorldModel,
        latents: Arrays,
        demonstrators: tuple[str, ...],
        released: float,
    ) -> DemonstratedPairs:
        """Index what ``encode_all`` returned."""
        hindsight = Hindsight.of(latents, demonstrators, released)
        return cls(model, latents, hindsight, hindsight.demonstrations())

    def sample(
        self, count: int, single_view: float, rng: np.random.Generator
    ) -> tuple[GoalBatch, Tensor, Tensor]:
        """Pairs and their latents (B, N, D); at times of the first camera alone."""
        model, config = self.model, self.model.config
        here = rng.choice(self.imitated, count)
        goals, _ = self.hindsight.sample(here, config.max_steps, rng)
        # Not drawn where nothing depends on it: gc-bc's batches are those of its shipped weights.
        alone = single_view > 0 and rng.random() < single_view
        tokens = model.tokens(1 if alone else len(config.cameras))
        now, then = (
            gather_tokens(self.latents, rows, tokens, str(model.device)) for rows in (here, goals)
        )
        return GoalBatch.of(model, self.latents, self.hindsight, here, goals), now, then


def train_goal_head(
    model: WorldModel,
    latents: Arrays,
    config: GoalHeadConfig,
    loop: LoopConfig,
    run: TrainingRun,
    name: str = "goal-head",
) -> dict[str, float]:
    """Replace a model's goal head by a trained one; nothing else of the model changes.

    Args:
        model: its encoder made the latents.
        latents: what ``encode_all`` returned.
        config: weights and sizes.
        loop: length, learning rate, device, seed (of the initial weights, too).
        run: where the checkpoint is kept for resume.
        name: of the training, and of its checkpoint.

    Returns:
        Running means of the losses.
    """
    torch.manual_seed(loop.seed)
    model.goal_head = model.new_goal_head()
    model.to(loop.device)
    pairs = DemonstratedPairs.of(model, latents, config.demonstrators, config.released)

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        batch, now, then = pairs.sample(config.batch, config.single_view, rng)
        action_loss, step_loss = goal_losses(model, batch, now, then)
        return {"actions": config.actions * action_loss, "steps": config.steps * step_loss}

    head: dict[str, nn.Module] = {"policy": model.goal_head.train()}
    return train(name, head, ("policy",), losses, loop, run)
