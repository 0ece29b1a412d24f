"""V-JEPA 2's stage 1: an encoder without actions.

Options and help: ``experiments.options.train_encoder``.
"""

from __future__ import annotations

from pathlib import Path

import torch

from experiments.options.train_encoder import EncoderTraining
from experiments.train.arrays import load_arrays
from experiments.train.trainings import (
    card_of,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    gives_back,
    write_card,
)
from worldsim.data import TrajectoryDataset
from worldsim.training.loop import LoopConfig
from worldsim.training.pretrain import train_pretrain
from worldsim.vjepa2 import Encoder, EncoderConfig, Predictor, PredictorConfig
from worldsim.vjepa2.checkpoints import Checkpoint, write


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


@gives_back
def main(config: EncoderTraining) -> None:
    """Train, then write the encoder and its card."""
    check_options(config)
    data, out = TrajectoryDataset(config.data), Path(config.out)
    episodes = episodes_of(data)
    encoder, predictor = build(config)
    run = claim("encoder", config, out, data_claim(data, episodes))
    arrays = load_arrays(data, config.image_size, episodes, out)
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
