"""Stage 2 (arXiv 2506.09985, 3.1): frozen encoder, action-conditioned predictor, heads.

Every frame is encoded once (``worldsim.latents``), so a step costs only the predictor. Losses:
teacher forcing and a two-step rollout (L1 on layer-normed latents, equal weight); the
proprioceptive read-out, on real and on imagined latents; and the goal head by hindsight, which also
sees both, so that it can judge what the planner imagines.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.latents import encode_set
from worldsim.states import encode_state
from worldsim.training.batches import Arrays, gather, gather_tokens
from worldsim.training.hindsight import GoalBatch, Hindsight, goal_losses
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import PosttrainConfig
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel


def encode_all(model: WorldModel, arrays: Arrays, path: Path | None = None) -> Arrays:
    """Replace frames (F, V, S, S, 3) by their latents (F, N, D), kept in memory or in a file."""
    return replace(arrays, frames=encode_set(model, np.asanyarray(arrays.frames), path))


def train_posttrain(
    model: WorldModel, latents: Arrays, config: PosttrainConfig, loop: LoopConfig, run: TrainingRun
) -> dict[str, float]:
    """Train predictor, read-out and goal head of a model in place; its encoder is frozen.

    Args:
        model: updated in place.
        latents: what ``encode_all`` returned.
        config: weights and sizes.
        loop: length, learning rate, device.
        run: where ``posttrain.pt`` is kept for resume.

    Returns:
        Running means of the losses.
    """
    model.to(loop.device)
    relative, starts = latents.relative(), latents.window_starts(config.frames)
    hindsight = Hindsight.of(latents, config.demonstrators, config.released)
    shown = hindsight.demonstrations()
    per_view, max_steps = model.tokens(1), model.config.max_steps

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        index = rng.choice(starts, config.batch)[:, None] + np.arange(config.frames)
        views = 1 if rng.random() < config.single_view else len(model.config.cameras)

        def tokens(rows: NDArray[np.int64]) -> Tensor:
            return gather_tokens(latents, rows, views * per_view, loop.device)

        z = tokens(index)  # (B, T, N, D)
        proprio = gather(latents.proprio, index).to(loop.device)
        actions = gather(relative, index[:, :-1]).to(loop.device)
        first = model.predict(z[:, :-1], actions, proprio[:, :-1])
        fed = torch.cat([z[:, :1], first[:, :-1].detach()], dim=1)
        second = model.predict(fed, actions, proprio[:, :-1])[:, 1:]

        seen = torch.cat([z[:, 1:], first.detach(), second.detach()], dim=1)
        labels = encode_state(proprio)
        labels = torch.cat([labels[:, 1:], labels[:, 1:], labels[:, 2:]], dim=1)
        read = model.read_out(seen.flatten(0, 1))

        # The goal head judges what is seen and what is imagined two steps ahead.
        fresh = rng.choice(shown, config.goals)
        here = np.concatenate([fresh, index[:, -1]])
        now = torch.cat([tokens(fresh), second[:, -1].detach()])
        goals, _ = hindsight.sample(here, max_steps, rng)
        batch = GoalBatch.of(model, latents, hindsight, here, goals)
        action_loss, step_loss = goal_losses(model, batch, now, tokens(goals))
        return {
            "predict": F.l1_loss(first, z[:, 1:]),
            "rollout": F.l1_loss(second, z[:, 2:]),
            "pose": config.pose * F.l1_loss(read, labels.flatten(0, 1)),
            "actions": config.actions * action_loss,
            "steps": config.steps * step_loss,
        }

    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    return train("posttrain", {"model": model}, ("model",), losses, loop, run)
