"""Frames per second of the four parts of training.

Options and help: ``experiments.options.bench_train``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from envs.errors import UserError
from experiments.bench.results import check_results, show
from experiments.options.bench_train import BenchTrainConfig
from experiments.options.train_encoder import EncoderTraining
from experiments.options.train_world_model import WorldModelTraining
from experiments.train.encoder import build as build_parts
from experiments.train.world_model import SIZE
from experiments.train.world_model import build as build_model
from worldsim.devices import check_device, use_threads
from worldsim.training.batches import Arrays
from worldsim.training.goal_head import train_goal_head
from worldsim.training.joint import train_joint
from worldsim.training.loop import LoopConfig
from worldsim.training.posttrain import encode_all, train_posttrain
from worldsim.training.pretrain import train_pretrain
from worldsim.training.run import TrainingRun

EPISODES, EPISODE_FRAMES = 40, 30
CAMERAS = ("left", "wrist")


def main(config: BenchTrainConfig) -> None:
    """Measure, print and write."""
    check_results(config.json)
    if config.rounds < 1 or config.steps < 1:
        raise UserError("rounds and steps must be at least 1")
    check_device(config.device)
    use_threads(config.threads)
    parts = arms(config)
    samples: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(config.rounds + 1):
        for name, (frames, train) in parts.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                train(TrainingRun(Path(folder)))
                rate = frames * config.steps / (time.perf_counter() - start)
            if number > 0:
                samples[name].append(rate)
    medians = {name: float(np.median(values)) for name, values in samples.items()}
    results = {"frames_per_second": medians, "samples": samples}
    results |= {"device": config.device, "threads": config.threads}
    rates = (f"{name:28} {value:9.1f} frames per second" for name, value in medians.items())
    show(results, "\n".join(rates), config.json)


def arms(config: BenchTrainConfig) -> dict[str, tuple[int, Callable[[TrainingRun], object]]]:
    """Frames per step of each part, and how to train it."""
    encoding, training = EncoderTraining(device=config.device), WorldModelTraining()
    arrays = made_up(SIZE)
    loop = LoopConfig(config.steps, save_every=config.steps, device=config.device)
    pretrain, joint, posttrain = encoding.pretrain, training.joint, training.posttrain
    goal_head = training.goal_head
    encoder, predictor = build_parts(encoding)
    model = build_model(training, CAMERAS).to(config.device)
    frozen = build_model(training, CAMERAS).to(config.device)
    latents = encode_all(frozen, arrays)
    return {
        "stage 1, masked clips": (
            pretrain.batch * pretrain.frames,
            lambda run: train_pretrain(encoder, predictor, arrays, pretrain, loop, run),
        ),
        "stage 2, cached latents": (
            posttrain.batch * posttrain.frames,
            lambda run: train_posttrain(frozen, latents, posttrain, loop, run),
        ),
        "goal head, cached latents": (
            goal_head.batch,
            lambda run: train_goal_head(frozen, latents, goal_head, loop, run),
        ),
        "joint, two views": (
            joint.batch * joint.frames,
            lambda run: train_joint(model, arrays, joint, loop, run),
        ),
    }


def made_up(image_size: int) -> Arrays:
    """Random frames of two views, poses around the middle of the workspace, small actions."""
    rng = np.random.default_rng(0)
    count = EPISODES * EPISODE_FRAMES
    shape = (count, len(CAMERAS), image_size, image_size, 3)
    middle = np.array([0.55, 0.0, 0.1, np.pi, 0.0, 0.0, 0.5])
    poses, actions = (rng.normal(at, 0.02, (count, 7)).astype(np.float32) for at in (middle, 0.0))
    return Arrays(
        frames=rng.integers(0, 256, shape, dtype=np.uint8),
        proprio=poses,
        target=poses,
        commanded=actions,
        intended=actions,
        lengths=np.full(EPISODES, EPISODE_FRAMES),
        policies=np.full(EPISODES, "expert"),
    )
