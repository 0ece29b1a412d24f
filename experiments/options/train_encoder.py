"""Train an encoder without actions: V-JEPA 2's mask-denoising (stage 1).

    worldsim train encoder --data data/default --out runs/encoder
    worldsim train world-model --encoder runs/encoder --out runs/two-stage

The same command resumes. The result is a folder with the encoder (the moving average) and its
masked predictor, which ``worldsim train world-model --encoder`` and ``worldsim checkpoint`` take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worldsim.training.options import PretrainConfig


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
    threads: int = 1
    precision: str = "bfloat16"
    tracker: str = "none"
    seed: int = 0
