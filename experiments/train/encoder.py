"""Train an encoder without actions: V-JEPA 2's mask-denoising (stage 1).

    worldsim train encoder --data data/default --out runs/encoder
    worldsim train world-model --encoder runs/encoder --out runs/two-stage

The same command resumes. The result is a folder with the encoder (the moving average) and its
masked predictor, which ``worldsim train world-model --encoder`` and ``worldsim checkpoint`` take.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from envs.errors import UserError
from experiments.runs.store import write_atomically
from experiments.runs.versions import versions
from experiments.train.trainings import episodes_of
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
    torch.set_num_threads(config.threads)
    out = Path(config.out)
    if config.steps < 1:
        raise UserError(f"steps {config.steps}: at least 1 is needed")
    if (out / "config.json").exists() and not (out / "pretrain.pt").exists():
        raise UserError(f"{out} holds another model: choose another folder")
    data = TrajectoryDataset(config.data)
    encoder, predictor = build(config)
    arrays = load_arrays(data, config.image_size, episodes_of(data))
    loop = LoopConfig(config.steps, config.rate, seed=config.seed, device=config.device)
    started = time.time()
    target, losses = train_pretrain(encoder, predictor, arrays, config.pretrain, loop, out)
    trained = Checkpoint.of({"encoder": target.cpu(), "predictor": predictor.cpu()})
    write(trained, out, "worldsim", overwrite=True)
    card = {
        "data": data.meta,
        "frames": int(data.lengths.sum()),
        "recipe": "pretrain",
        "training": asdict(config) | {"data": Path(config.data).name, "out": out.name},
        "minutes_in_this_run": round((time.time() - started) / 60, 1),
        "losses": losses,
        "versions": versions(),
    }
    write_atomically(out / "card.json", json.dumps(card, indent=1) + "\n")
    print(f"wrote {out}")
