"""Joint training of encoder and predictor for small models (the "joint" recipe, first half).

Latents are learnt together with what actions do to them: the predictor's teacher-forcing L1 to the
stop-gradient, layer-normed latents of the next frame, kept from collapsing by

- an inverse-dynamics head (which action led from here to there?),
- the goal head (which actions lead to that later frame, and in how many steps?), which asks of the
  latents where the gripper is with respect to the object,
- variance and covariance terms on the latents' deviation from their position's mean (VICReg),
- the robot's own pose, read from the latents,
- a linear pixel decoder per token. It anchors small objects, which move too little of the picture
  for a predictive loss alone to keep them within minutes of training.

With those anchors an EMA target encoder added a forward pass and nothing else. The heads of this
file are thrown away; ``posttrain`` then freezes the encoder and adds the rollout loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.heads import TokenReader
from worldsim.states import encode_state
from worldsim.training.ahead import Ahead
from worldsim.training.altered import seen_from_elsewhere, with_other_looks
from worldsim.training.batches import Arrays, gather
from worldsim.training.hindsight import GoalBatch, Hindsight, goal_losses
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import JointConfig
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel


@dataclass(frozen=True)
class _Drawn:
    """B windows of T frames and their goals, as drawn for one step.

    Attributes:
        index: (B, T) rows of the windows.
        goals: (B,) rows of the goals.
        frames: (B, T + 1, V, S, S, 3) of both.
        clean: (B, 2, V, S, S, 3) the first frames and the goals, whose pixels are decoded: they are
            enough, and half the work. Other looks than their own are left out, so that nothing
            need be remembered that is no thing in the scene.
    """

    index: NDArray[np.int64]
    goals: NDArray[np.int64]
    frames: Tensor
    clean: Tensor


def spread_losses(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Variance hinge and covariance of latents (B, N, D) about each position's mean."""
    residual = (latents - latents.mean(dim=0, keepdim=True)).flatten(0, 1)  # (B N, D)
    std = (residual.var(dim=0) + 1e-4).sqrt()
    variance = F.relu(0.5 - std).mean()
    covariance = (residual.T @ residual) / len(residual)
    off = covariance - torch.diag(torch.diagonal(covariance))
    return variance, off.square().sum() / latents.shape[-1]


def train_joint(
    model: WorldModel, arrays: Arrays, config: JointConfig, loop: LoopConfig, run: TrainingRun
) -> dict[str, float]:
    """Train encoder and predictor of a model in place.

    Args:
        model: updated in place.
        arrays: frames (F, V, S, S, 3).
        config: weights and sizes.
        loop: length, learning rate, device.
        run: where ``joint.pt`` is kept for resume.

    Returns:
        Running means of the losses.
    """
    dim, patch = model.encoder.width, model.image_size // model.encoder.grid[0]
    decoder = nn.Linear(dim, patch * patch * 3)
    inverse = TokenReader(dim, model.tokens(len(model.config.cameras)), 7, pictures=2)
    modules = {"model": model, "decoder": decoder, "inverse": inverse}
    for module in modules.values():
        module.to(loop.device)
    relative, starts = arrays.relative(), arrays.window_starts(config.frames)
    hindsight = Hindsight.of(arrays, config.demonstrators, config.released)
    scale = model.action_scale

    def drawn(step: int) -> _Drawn:
        rng = np.random.default_rng([loop.seed, step])
        index = rng.choice(starts, config.batch)[:, None] + np.arange(config.frames)
        views = 1 if rng.random() < config.single_view else len(model.config.cameras)
        goals, _ = hindsight.sample(index[:, 1], model.config.max_steps, rng)
        rows = np.concatenate([index, goals[:, None]], axis=1)
        frames = clean = gather(arrays.frames, rows)[:, :, :views]
        if config.altered:
            clean = seen_from_elsewhere(frames, rng)
            frames = with_other_looks(clean, rng)
        return _Drawn(index, goals, frames, clean[:, [0, -1]])

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        batch = ahead(step)
        index, goals, here = batch.index, batch.goals, batch.index[:, 1]
        frames = batch.frames.to(loop.device)
        proprio = gather(arrays.proprio, index).to(loop.device)
        actions = gather(relative, index[:, :-1]).to(loop.device)
        latents = model.encode_frames(frames.flatten(0, 1))  # (B (T + 1), N, D)
        z, goal = latents.unflatten(0, frames.shape[:2]).split([config.frames, 1], dim=1)
        few = slice(config.predicted)
        predicted = model.predict(z[few, :-1], actions[few], proprio[few, :-1])
        variance, covariance = spread_losses(latents.float())
        guessed = inverse(z[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1))
        read = model.read_out(z.flatten(0, 1))
        targets = to_patches(batch.clean.to(loop.device).flatten(0, 1), patch)
        pixels = decoder(torch.stack([z[:, 0], goal[:, 0]], dim=1).flatten(0, 1))
        # Two present frames share each encoded goal.
        pairs = np.concatenate([index[:, 0], here]), np.concatenate([goals, goals])
        seen = torch.cat([z[:, 0], z[:, 1]]), torch.cat([goal[:, 0], goal[:, 0]])
        demonstrated = GoalBatch.of(model, arrays, hindsight, *pairs)
        actions_loss, steps_loss = goal_losses(model, demonstrated, *seen)
        return {
            "predict": F.l1_loss(predicted, z[few, 1:].detach()),
            "inverse": config.inverse * F.smooth_l1_loss(guessed, actions.flatten(0, 1) / scale),
            "pose": config.pose * F.l1_loss(read, encode_state(proprio).flatten(0, 1)),
            "variance": config.variance * variance,
            "covariance": config.covariance * covariance,
            "pixels": config.pixels * F.l1_loss(pixels, targets.to(pixels.dtype)),
            "actions": config.actions * actions_loss,
            "steps": config.steps * steps_loss,
        }

    with Ahead(drawn, loop.steps) as ahead:
        return train("joint", modules, tuple(modules), losses, loop, run)


def to_patches(frames: Tensor, patch: int) -> Tensor:
    """(B, V, H, W, 3) uint8 -> (B, N, patch * patch * 3) in [-1, 1], in the encoder's order."""
    x = frames.float() / 127.5 - 1.0
    x = x.unflatten(2, (-1, patch)).unflatten(4, (-1, patch))  # (B, V, h, p, w, p, 3)
    patches: Tensor = x.permute(0, 1, 2, 4, 3, 5, 6).flatten(4).flatten(1, 3)
    return patches
