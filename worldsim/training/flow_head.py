"""Behaviour cloning of action chunks by flow matching, on frozen latents and hindsight goals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from worldsim.flow import FlowHead
from worldsim.training.batches import Arrays
from worldsim.training.goal_head import DemonstratedPairs
from worldsim.training.hindsight import chunks_towards
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import FlowHeadConfig
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel

_SMALLEST_STD = 0.05


def train_flow_head(
    model: WorldModel,
    latents: Arrays,
    config: FlowHeadConfig,
    loop: LoopConfig,
    run: TrainingRun,
    name: str = "flow-head",
) -> tuple[FlowHead, dict[str, float]]:
    """Train a flow head anew; the model stays as it is.

    Args:
        model: its encoder made the latents, its read-out tells the gap to the goal.
        latents: what ``encode_all`` returned.
        config: options.
        loop: length, learning rate, device, seed (of the initial weights, too).
        run: where the checkpoint is kept for resume.
        name: of the training, and of its checkpoint.

    Returns:
        The head, and running means of the losses.
    """
    torch.manual_seed(loop.seed)
    head = model.new_flow_head(config.pairs).to(loop.device).train()
    model.to(loop.device)
    pairs = DemonstratedPairs.of(model, latents, config.demonstrators, config.released)
    _set_statistics(head, model, pairs, latents)

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        batch, now, then = pairs.sample(config.batch, config.single_view, rng)
        state = model.goal_state(now, then, batch.proprio, batch.closedness)
        inputs = (now, then, state)
        return {"flow": head.loss(inputs, batch.actions, batch.weights, config.goal_free, rng)}

    means = train(name, {"policy": head}, ("policy",), losses, loop, run)
    return head, means


def _set_statistics(
    head: FlowHead, model: WorldModel, pairs: DemonstratedPairs, latents: Arrays
) -> None:
    """Mean and deviation of the imitated actions, except the gripper's."""
    here = pairs.imitated
    actions = chunks_towards(model, latents, here, here + 1)[:, 0]
    head.action_mean[:6] = actions.mean(dim=0)[:6]
    head.action_std[:6] = actions.std(dim=0)[:6].clamp(min=_SMALLEST_STD)
