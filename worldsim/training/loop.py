"""The training loop every recipe shares: schedule, bf16, checkpoints, exact resume, progress."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from worldsim.errors import UserError
from worldsim.training.scalars import Scalars

PRECISIONS = ("bfloat16", "float32")
"""bfloat16 is three to five times faster on some processors and half as fast on others."""


@dataclass(frozen=True)
class LoopConfig:
    """Options of one training run.

    Attributes:
        steps: optimiser steps.
        learning_rate: peak; linear warm-up, cosine to zero.
        warmup: steps of warm-up.
        weight_decay: of AdamW (V-JEPA 2: 0.04).
        clip: largest gradient norm.
        save_every: steps between checkpoints.
        seed: of batches and dropout.
        device: "cpu", "cuda", ...
        precision: of matrix products, see ``PRECISIONS``.

    Raises:
        ValueError: for an unknown precision.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.04
    clip: float = 1.0
    save_every: int = 200
    seed: int = 0
    device: str = "cpu"
    precision: str = "bfloat16"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            allowed = ", ".join(PRECISIONS)
            raise UserError(f"unknown precision {self.precision!r}: allowed are {allowed}")


def schedule(step: int, config: LoopConfig) -> float:
    """Learning rate at a step."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def _groups(modules: Iterable[nn.Module], decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases, norms and embeddings of one row do not."""
    parameters = [p for m in modules for p in m.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def run(
    name: str,
    modules: dict[str, nn.Module],
    trained: Iterable[str],
    losses: Callable[[np.random.Generator, int], dict[str, Tensor]],
    config: LoopConfig,
    checkpoint: Path,
    after_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Minimise the sum of the losses; the same call on the same checkpoint resumes.

    Args:
        name: for the progress bar.
        modules: everything whose state a checkpoint holds.
        trained: names of the modules the optimiser updates.
        losses: (rng, step) -> named, already weighted losses of one batch.
        config: options.
        checkpoint: file to write and to resume from.
        after_step: called after each update (EMA).

    Returns:
        Running mean of each loss at the end.

    Raises:
        ValueError: when a loss is not finite; the last checkpoint is untouched.
    """
    optimiser = torch.optim.AdamW(
        _groups((modules[n] for n in trained), config.weight_decay), betas=(0.9, 0.95), fused=True
    )
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    first, running = 0, dict[str, float]()
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=config.device)
        for key, module in modules.items():
            module.load_state_dict(state["modules"][key])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["torch_rng"])
        rng.bit_generator.state = state["numpy_rng"]
        first, running = state["step"], state["running"]
    scalars = Scalars(checkpoint.parent / "tensorboard" / name, first)
    bar = tqdm(range(first, config.steps), initial=first, total=config.steps, desc=name)
    for step in bar:
        for group in optimiser.param_groups:
            group["lr"] = schedule(step, config)
        with torch.autocast(config.device, torch.bfloat16, config.precision == "bfloat16"):
            parts = losses(rng, step)
        total = torch.stack([part.float() for part in parts.values()]).sum()
        if not torch.isfinite(total):
            values = {k: float(v.detach()) for k, v in parts.items()}
            raise UserError(f"{name} step {step}: a loss is not finite: {values}")
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        for trained_name in trained:
            nn.utils.clip_grad_norm_(modules[trained_name].parameters(), config.clip)
        optimiser.step()
        if after_step is not None:
            after_step(step)
        for key, part in parts.items():
            value = float(part.detach())
            running[key] = value if key not in running else 0.98 * running[key] + 0.02 * value
        if step % 20 == 0:
            bar.set_postfix({k: f"{v:.3f}" for k, v in running.items()})
            rates = {"learning_rate": schedule(step, config), "rate": bar.format_dict["rate"] or 0}
            scalars.add(step, {**running, **rates})
        if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
            _save(checkpoint, modules, optimiser, rng, step + 1, running)
    return running


def _save(
    path: Path,
    modules: dict[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
    step: int,
    running: dict[str, float],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    state = {
        "modules": {key: module.state_dict() for key, module in modules.items()},
        "optimiser": optimiser.state_dict(),
        "torch_rng": torch.get_rng_state(),
        "numpy_rng": rng.bit_generator.state,
        "step": step,
        "running": running,
    }
    torch.save(state, temporary)
    os.replace(temporary, path)
