"""Train goal-conditioned behaviour cloning on the planner's frozen latents.

    worldsim train gc-bc --data data/default --model tiny --out runs/gc-bc

Same episodes, same encoder and same hindsight goals as the world model's own goal head. The same
command resumes; ``worldsim evaluate --agent gc-bc --model FOLDER`` takes the result.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from agents.checkpoint import save_agent
from agents.gc_bc import ALGORITHM, FILE
from agents.latent import encoder_digest
from experiments.train import load_arrays
from experiments.trainings import check_demonstrators, claim, data_card, episodes_of
from experiments.versions import versions
from worldsim import load_world_model
from worldsim.data import TrajectoryDataset
from worldsim.training.batches import Arrays, gather
from worldsim.training.hindsight import Hindsight, goal_losses
from worldsim.training.loop import LoopConfig, run
from worldsim.training.posttrain import encode_all
from worldsim.world_model import WorldModel


@dataclass(frozen=True)
class GcBcTraining:
    """Options of ``worldsim train gc-bc``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        model: world model whose encoder is used as it is: a shipped name or a folder.
        out: folder for checkpoints and the finished policy.
        steps: optimiser steps.
        batch: pairs of frame and goal per step.
        learning_rate: peak.
        demonstrators: policies (by prefix) whose actions are imitated.
        device: cpu, cuda, ...
        threads: torch threads.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    share: float = 1.0
    model: str = "tiny"
    out: str = "runs/gc-bc"
    steps: int = 10_000
    batch: int = 256
    learning_rate: float = 1e-3
    demonstrators: tuple[str, ...] = ("expert",)
    device: str = "cpu"
    threads: int = 2
    seed: int = 0


def train(
    model: WorldModel, latents: Arrays, config: GcBcTraining, folder: Path
) -> dict[str, float]:
    """Train ``model.goal_head`` alone, in place.

    Args:
        model: its encoder made the latents; it is not touched.
        latents: what ``encode_all`` returned.
        config: options.
        folder: where ``gc-bc.pt`` is kept for resume.

    Returns:
        Running means of the losses.
    """
    hindsight = Hindsight.of(latents, config.demonstrators)
    imitated = hindsight.demonstrations()
    model.to(config.device)

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        here = rng.choice(imitated, config.batch)
        goals, _ = hindsight.sample(here, model.config.max_steps, rng)
        now, then = (
            gather(latents.frames, rows).to(config.device).float() for rows in (here, goals)
        )
        actions, _ = goal_losses(
            model, latents, hindsight, (now, then), (here, goals), config.device
        )
        return {"actions": actions}

    loop = LoopConfig(config.steps, config.learning_rate, seed=config.seed, device=config.device)
    head = {"policy": model.goal_head.train()}
    return run(ALGORITHM, head, ("policy",), losses, loop, folder / f"{ALGORITHM}.pt")


def main(config: GcBcTraining) -> None:
    """Encode once, train the policy, write it and its card."""
    torch.set_num_threads(config.threads)
    data, out = TrajectoryDataset(config.data), Path(config.out)
    model = load_world_model(config.model)
    episodes = episodes_of(data, config.share)
    check_demonstrators(data, episodes, config.demonstrators)
    if data.cameras != model.config.cameras:
        raise ValueError(
            f"{config.data} has the cameras {','.join(data.cameras)}: {config.model} needs "
            f"{','.join(model.config.cameras)}"
        )
    encoder = encoder_digest(model)
    claim(out, config, {"encoder": encoder})
    torch.manual_seed(config.seed)
    model.goal_head = model.new_goal_head()
    started = time.time()
    latents = encode_all(model.to(config.device), load_arrays(data, model.image_size, episodes))
    losses = train(model, latents, config, out)
    card = {
        "algorithm": ALGORITHM,
        "world_model": config.model,
        "encoder": encoder,
        **data_card(data, episodes),
        "parameters": sum(p.numel() for p in model.goal_head.parameters()),
        "training": asdict(config) | {"data": Path(config.data).name, "out": out.name},
        "minutes_in_this_run": round((time.time() - started) / 60, 1),
        "losses": losses,
        "versions": versions(),
    }
    weights = {name: tensor.half() for name, tensor in model.goal_head.state_dict().items()}
    save_agent(out, card, weights, FILE)
    print(f"wrote {out}")
