"""Train a goal-conditioned value and a short-range policy on a world model's frozen latents.

    worldsim train value --data data/play --model play --out runs/value

Nothing is demonstrated: any frame is a goal for any other (``worldsim.training.value``). The value
tells the control steps between two pictures, the policy what to do for a start. The same command
resumes; ``worldsim.values.load_value`` reads the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.checkpoint import save_agent
from experiments.train.trainings import (
    card_of,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
)
from experiments.train.world_model import load_arrays, readable_size
from worldsim import load_world_model
from worldsim.data import TrajectoryDataset
from worldsim.encoders import encoder_digest
from worldsim.errors import UserError
from worldsim.training.loop import LoopConfig
from worldsim.training.posttrain import encode_all
from worldsim.training.value import ValueTraining, train_value
from worldsim.values import ALGORITHM, FILE, card_sizes


@dataclass(frozen=True)
class ValueOptions:
    """Options of ``worldsim train value``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        policies: only episodes that these (by prefix) collected; all, where none is named.
        model: world model whose encoder is used as it is: a shipped name or a folder.
        out: folder for checkpoints and the finished value.
        steps: optimiser steps.
        batch: pairs of frame and goal per step.
        learning_rate: peak.
        gamma: discount of a control step.
        expectile: how much more a frame's better futures count, from 0.5 (all alike) to 1.
        temperature: recorded chunks weigh exp(temperature * what they gained, in steps).
        device: cpu, cuda, ...
        threads: torch threads.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        seed: of initial weights and batches.
    """

    data: str = "data/play"
    share: float = 1.0
    policies: tuple[str, ...] = ()
    model: str = "tiny"
    out: str = "runs/value"
    steps: int = 12_000
    batch: int = 384
    learning_rate: float = 3e-4
    gamma: float = 0.97
    expectile: float = 0.8
    temperature: float = 1.5
    device: str = "cpu"
    threads: int = 2
    tracker: str = "none"
    seed: int = 0


def main(config: ValueOptions) -> None:
    """Encode once, train value and policy, write them and their card."""
    check_options(config)
    if not 0.5 <= config.expectile < 1.0:
        raise UserError(f"expectile {config.expectile}: allowed is at least 0.5 and less than 1")
    if config.gamma == 1.0:
        raise UserError("gamma 1.0: allowed is less than 1, or no distance is told from another")
    data, out = TrajectoryDataset(config.data), Path(config.out)
    model = load_world_model(config.model)
    if data.cameras != model.config.cameras:
        raise UserError(
            f"{config.data} has the cameras {','.join(data.cameras)}: {config.model} needs "
            f"{','.join(model.config.cameras)}"
        )
    episodes = episodes_of(data, config.share, config.policies)
    encoder = encoder_digest(model.encoder)
    run = claim(ALGORITHM, config, out, {"encoder": encoder, **data_claim(data, episodes)})
    arrays = load_arrays(data, readable_size(data, model.image_size), episodes)
    latents = encode_all(model.to(config.device), arrays)
    options = ValueTraining(config.batch, config.gamma, config.expectile, config.temperature)
    loop = LoopConfig(
        config.steps,
        config.learning_rate,
        weight_decay=0.0,
        seed=config.seed,
        device=config.device,
    )
    value, losses = train_value(model, latents, options, loop, run)
    facts = {
        "world_model": config.model,
        "encoder": encoder,
        **data_card(data, episodes),
        "sizes": card_sizes(value),
        "parameters": sum(p.numel() for p in value.parameters()),
        "losses": losses,
    }
    weights = {name: tensor.half() for name, tensor in value.state_dict().items()}
    save_agent(out, card_of(ALGORITHM, config, run, facts), weights, FILE)
    run.close()
    print(f"wrote {out}")
