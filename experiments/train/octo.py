"""Behaviour cloning of action chunks by diffusion, Octo-like.

Options and help: ``experiments.options.train_octo_like``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from agents.checkpoint import save_agent
from agents.octo import ALGORITHM, FILE, describe
from agents.octo_model import OctoConfig, OctoModel
from experiments.options.train_octo_like import OctoTraining
from experiments.train.arrays import load_arrays
from experiments.train.augment import augment
from experiments.train.trainings import (
    card_of,
    check_demonstrators,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    gives_back,
)
from worldsim.data import TrajectoryDataset
from worldsim.errors import UserError
from worldsim.noise import normal
from worldsim.states import encode_state
from worldsim.training import loop
from worldsim.training.batches import Arrays, gather
from worldsim.training.hindsight import Hindsight, actions_towards
from worldsim.training.run import TrainingRun

FARTHEST_GOAL = 20
_SMALLEST_STD = 0.05


@dataclass(frozen=True)
class Windows:
    """What can be sampled: windows of the imitated episodes that end before their last frame.

    Attributes:
        now: (M,) frames to act in.
        first: (F,) first frame of the episode each frame belongs to.
        hindsight: where goals come from.
    """

    now: NDArray[np.int64]
    first: NDArray[np.int64]
    hindsight: Hindsight

    @classmethod
    def of(cls, arrays: Arrays, demonstrators: tuple[str, ...], released: float = 0.0) -> Windows:
        """Index a data set."""
        hindsight = Hindsight.of(arrays, demonstrators, released)
        first = np.repeat(arrays.offsets, arrays.lengths)
        return cls(hindsight.demonstrations(), first, hindsight)

    def sample(
        self, batch: int, window: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
        """Window rows (B, T), which of them are real (B, T), and goals (B,)."""
        now = rng.choice(self.now, batch)
        goals, _ = self.hindsight.sample(now, FARTHEST_GOAL, rng)
        rows = now[:, None] + np.arange(1 - window, 1)
        first = self.first[now][:, None]
        return np.maximum(rows, first), rows >= first, goals


def set_statistics(model: OctoModel, arrays: Arrays, windows: Windows, scale: Tensor) -> None:
    """Mean and deviation of the imitated actions, except the gripper's."""
    actions = torch.from_numpy(arrays.intended[windows.now]) / scale
    model.action_mean[:6] = actions.mean(dim=0)[:6]
    model.action_std[:6] = actions.std(dim=0)[:6].clamp(min=_SMALLEST_STD)


def train(
    model: OctoModel, arrays: Arrays, config: OctoTraining, scale: Tensor, run: TrainingRun
) -> dict[str, float]:
    """Train a model in place.

    Args:
        model: updated in place.
        arrays: frames (F, V, S, S, 3).
        config: options.
        scale: (7,) physical size of an action of one.
        run: where ``octo-like.pt`` is kept for resume.

    Returns:
        Running means of the losses.
    """
    windows, device = Windows.of(arrays, config.demonstrators, config.released), config.device
    set_statistics(model, arrays, windows, scale)
    model.to(device).train()

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        rows, seen, goals = windows.sample(config.batch, model.config.window, rng)
        pictures = np.concatenate([rows, goals[:, None]], axis=1)
        frames = gather(arrays.frames, pictures).to(device).float() / 255.0
        if config.augment:
            frames = augment(frames, rng)
        proprio = gather(arrays.proprio, pictures).to(device)
        closedness = gather(arrays.target, rows)[..., 6].to(device)
        real = torch.from_numpy(seen).to(device)
        readouts, change = model(frames[:, :-1], frames[:, -1], proprio[:, :-1], closedness, real)

        wanted = actions_towards(arrays, rows, goals[:, None], model.config.chunk)
        wanted = model.normalise((wanted / scale).to(device))
        noise = noise_loss(model, readouts, wanted, real, config.noises, rng)

        states = encode_state(proprio)
        error = (change - (states[:, -1:] - states[:, :-1])).abs().mean(dim=-1)
        return {"noise": noise, "pose": config.pose * (error * real).sum() / real.sum()}

    warmup = min(500, config.steps // 10)
    settings = loop.LoopConfig(
        config.steps,
        config.learning_rate,
        warmup,
        save_every=500,
        seed=config.seed,
        device=device,
        precision=config.precision,
    )
    return loop.train(ALGORITHM, {"model": model}, ("model",), losses, settings, run)


def noise_loss(
    model: OctoModel,
    readouts: Tensor,
    wanted: Tensor,
    seen: Tensor,
    count: int,
    rng: np.random.Generator,
) -> Tensor:
    """Mean square error of the predicted noise over the steps that are not padding.

    Args:
        model: whose head.
        readouts: (B, T, D).
        wanted: (B, T, H, 7) normalised actions.
        seen: (B, T) False where a step is padding.
        count: noises for each chunk.
        rng: of this batch.
    """
    head = model.head
    clean = wanted.flatten(2).flatten(0, 1).repeat(count, 1)  # (K, 7 H)
    weight = seen.flatten().repeat(count)[:, None].expand_as(clean)
    steps = torch.from_numpy(rng.integers(0, len(head.betas), len(clean))).to(clean.device)
    noise = normal(rng, tuple(clean.shape), clean)
    kept = head.kept[steps][:, None]
    noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
    guess = head(readouts.flatten(0, 1).repeat(count, 1), noisy, steps)
    squares: Tensor = F.mse_loss(guess.float(), noise, reduction="none") * weight
    return squares.sum() / weight.sum().clamp(min=1)


@gives_back
def main(config: OctoTraining) -> None:
    """Train, then write the policy and its card."""
    check_options(config)
    data, out = TrajectoryDataset(config.data), Path(config.out)
    episodes = episodes_of(data, config.share)
    check_demonstrators(data, episodes, config.demonstrators)
    if "action_scale" not in data.meta:
        raise UserError(f"{config.data} does not say its action_scale in meta.json")
    sizes = OctoConfig(data.cameras, config.image_size, config.width, config.depth, config.heads)
    torch.manual_seed(config.seed)
    model = OctoModel(sizes)
    run = claim(ALGORITHM, config, out, data_claim(data, episodes))
    arrays = load_arrays(data, config.image_size, episodes, out)
    losses = train(model, arrays, config, torch.tensor(data.meta["action_scale"]), run)
    facts = {**describe(model), **data_card(data, episodes), "losses": losses}
    weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_agent(out, card_of(ALGORITHM, config, run, facts), weights, FILE)
    run.close()
    print(f"wrote {out}")
