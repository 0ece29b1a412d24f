"""The training loop every recipe shares: schedule, precision, checkpoints, exact resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from worldsim.errors import UserError
from worldsim.files import UNREADABLE, replacing
from worldsim.training.interrupts import Interrupts
from worldsim.training.randomness import generator_states, set_generator_states
from worldsim.training.run import TrainingRun

PRECISIONS = ("bfloat16", "float32")
"""bfloat16 is three to five times faster on some processors and half as fast on others."""
LOG_EVERY = 20


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


def train(
    name: str,
    modules: dict[str, nn.Module],
    trained: Iterable[str],
    losses: Callable[[np.random.Generator, int], dict[str, Tensor]],
    config: LoopConfig,
    run: TrainingRun,
    after_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Minimise the sum of the losses; the same call on the same folder resumes, to the bit.

    Ctrl-C and SIGTERM are answered after the step they fall into, with everything saved.

    Args:
        name: of this part of a training; ``NAME.pt`` in the run's folder is its checkpoint.
        modules: everything whose state a checkpoint holds.
        trained: names of the modules the optimiser updates.
        losses: (rng, step) -> named, already weighted losses of one batch.
        config: options.
        run: folder, clock and curves.
        after_step: called after each update (EMA).

    Returns:
        Running mean of each loss at the end.

    Raises:
        UserError: when a loss is not finite, the last checkpoint being untouched; or when the
            checkpoint is damaged or of other networks.
        KeyboardInterrupt, SystemExit: after a signal.
    """
    optimiser = torch.optim.AdamW(
        _groups((modules[n] for n in trained), config.weight_decay), betas=(0.9, 0.95), fused=True
    )
    state = _State(modules, optimiser, np.random.default_rng(config.seed))
    torch.manual_seed(config.seed)
    path = run.folder / f"{name}.pt"
    if path.exists():
        state.load(path, config.device, run)
    running = state.running
    bar = tqdm(range(state.step, config.steps), initial=state.step, total=config.steps, desc=name)
    with Interrupts() as interrupts:
        for step in bar:
            parts = _update(name, step, modules, trained, optimiser, losses, state.rng, config)
            if after_step is not None:
                after_step(step)
            for key, part in parts.items():
                value = float(part.detach())
                running[key] = value if key not in running else 0.98 * running[key] + 0.02 * value
            if step % LOG_EVERY == 0:
                bar.set_postfix({k: f"{v:.3f}" for k, v in running.items()})
                rates = {"learning_rate": schedule(step, config)}
                rates["steps_per_second"] = bar.format_dict["rate"] or 0.0
                run.log(name, step, {**running, **rates})
            state.step = step + 1
            stopping = interrupts.wished is not None
            if state.step % config.save_every == 0 or state.step == config.steps or stopping:
                state.save(path, config.device, run)
            interrupts.answer(f"{name}, step {state.step} of {config.steps}")
    run.finish(config.steps)
    return running


def _update(
    name: str,
    step: int,
    modules: dict[str, nn.Module],
    trained: Iterable[str],
    optimiser: torch.optim.Optimizer,
    losses: Callable[[np.random.Generator, int], dict[str, Tensor]],
    rng: np.random.Generator,
    config: LoopConfig,
) -> dict[str, Tensor]:
    """One step of the optimiser; the losses it took."""
    for group in optimiser.param_groups:
        group["lr"] = schedule(step, config)
    kind = torch.device(config.device).type
    with torch.autocast(kind, torch.bfloat16, config.precision == "bfloat16"):
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
    return parts


@dataclass
class _State:
    """Everything the rest of a training depends on, in memory and in a checkpoint."""

    modules: dict[str, nn.Module]
    optimiser: torch.optim.Optimizer
    rng: np.random.Generator
    step: int = 0
    running: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path, device: str, run: TrainingRun) -> None:
        state = {
            "modules": {key: module.state_dict() for key, module in self.modules.items()},
            "optimiser": self.optimiser.state_dict(),
            "torch_rng": generator_states(device),
            "numpy_rng": self.rng.bit_generator.state,
            "step": self.step,
            "running": self.running,
            "seconds": run.seconds,
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path, device: str, run: TrainingRun) -> None:
        try:
            # Generators' states stay in the processor's memory; weights go where they belong.
            state = torch.load(path, weights_only=True, map_location="cpu")
            for key, module in self.modules.items():
                module.load_state_dict(state["modules"][key])
            self.optimiser.load_state_dict(state["optimiser"])
            set_generator_states(state["torch_rng"], device)
            self.rng.bit_generator.state = state["numpy_rng"]
            self.step, self.running = state["step"], state["running"]
            run.resume(state["seconds"])
        except UNREADABLE as error:
            raise UserError(
                f"{path} is damaged or of another training ({_first_line(error)}): remove it to "
                "train this part anew, or choose another folder"
            ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
