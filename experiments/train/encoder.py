"""Train an encoder without actions: V-JEPA 2's mask-denoising (stage 1).

    worldsim train encoder --data data/default --out runs/encoder
    worldsim train world-model --encoder runs/encoder --out runs/two-stage

The same command resumes. The result is a folder with the encoder (the moving average) and its
masked predictor, which ``worldsim train world-model --encoder`` and ``worldsim checkpoint`` take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from experiments.train.trainings import (
    card_of,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    write_card,
)
from experiments.train.world_model import load_arrays
from worldsim.data import TrajectoryDataset
from worldsim.training.loop import LoopConfig
from worldsim.training.pretrain import PretrainConfig, train_pretrain
from worldsim.vjepa2 import Encoder, EncoderConfig, Predictor, PredictorConfig
from worldsim.vjepa2.checkpoints import Checkpoint, write


@dataclass(frozen=True)
class EncoderTraining:
    """Options of ``worldsim train encoder``.

    Attributes:
        data: folder that ``worldsim collect`` wrote; its actions are not read.
        out: folder for the checkpoint and the finished encoder.
        steps: optimiser steps.
        rate: peak learning rate.
        image_size: pixels the encoder sees per side; stored frames are averaged down.
        width, depth, heads: of the encoder.
        predictor_width, predictor_depth, predictor_heads: of the masked predictor.
        pretrain: clips and moving average.
        device: cpu, cuda, ...
        threads: torch threads.
        precision: "bfloat16" or "float32" matrix products.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    out: str = "runs/encoder"
    steps: int = 5000
    rate: float = 1e-3
    image_size: int = 64
    width: int = 128
    depth: int = 6
    heads: int = 4
    predictor_width: int = 96
    predictor_depth: int = 3
    predictor_heads: int = 3
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    device: str = "cpu"
    threads: int = 2
    precision: str = "bfloat16"
    tracker: str = "none"
    seed: int = 0


def build(config: EncoderTraining) -> tuple[Encoder, Predictor]:
    """An untrained encoder and masked predictor of the configured size."""
    encoder = EncoderConfig(
        img_size=config.image_size,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
    )
    rows = encoder.img_size // encoder.patch_size
    predictor = PredictorConfig(
        grid=(rows, rows),
        embed_dim=config.width,
        predictor_embed_dim=config.predictor_width,
        depth=config.predictor_depth,
        num_heads=config.predictor_heads,
    )
    torch.manual_seed(config.seed)
    return Encoder(encoder), Predictor(predictor)


def main(config: EncoderTraining) -> None:
    """Train, then write the encoder and its card."""
    check_options(config)
    data, out = TrajectoryDataset(config.data), Path(config.out)
    episodes = episodes_of(data)
    encoder, predictor = build(config)
    run = claim("encoder", config, out, data_claim(data, episodes))
    arrays = load_arrays(data, config.image_size, episodes)
    loop = LoopConfig(
        config.steps,
        config.rate,
        seed=config.seed,
        device=config.device,
        precision=config.precision,
    )
    target, losses = train_pretrain(encoder, predictor, arrays, config.pretrain, loop, run)
    trained = Checkpoint.of({"encoder": target.cpu(), "predictor": predictor.cpu()})
    write(trained, out, "worldsim", overwrite=True)
    facts = {"recipe": "pretrain", **data_card(data, episodes), "losses": losses}
    write_card(out, card_of("encoder", config, run, facts))
    run.close()
    print(f"wrote {out}")
