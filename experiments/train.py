"""Train the world model: joint latents, then stage 2 on the frozen encoder.

    worldsim train world-model --data data/default --out runs/tiny

The same command resumes; finished parts are not run again. The result is a folder that
``worldsim evaluate --model FOLDER`` and ``worldsim.load_world_model`` take.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from experiments.store import write_atomically
from experiments.versions import versions
from worldsim.checkpoint import save_world_model
from worldsim.data import TrajectoryDataset
from worldsim.training.batches import Arrays
from worldsim.training.joint import JointConfig, train_joint
from worldsim.training.loop import LoopConfig
from worldsim.training.posttrain import PosttrainConfig, encode_all, train_posttrain
from worldsim.vjepa2 import ACPredictorConfig, EncoderConfig
from worldsim.world_model import WorldModel, WorldModelConfig


@dataclass(frozen=True)
class WorldModelTraining:
    """Options of ``worldsim train world-model``; the defaults rebuild the shipped ``tiny``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        out: folder for checkpoints and the finished model.
        joint_steps, posttrain_steps: length of the two parts.
        joint_rate, posttrain_rate: their peak learning rates.
        image_size: pixels the encoder sees per side; stored frames are averaged down.
        width, depth, heads: of the encoder.
        predictor_width, predictor_depth, predictor_heads: of the predictor.
        joint, posttrain: weights and batch sizes.
        device: cpu, cuda, ...
        threads: torch threads.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    out: str = "runs/tiny"
    joint_steps: int = 3000
    posttrain_steps: int = 2000
    joint_rate: float = 1.5e-3
    posttrain_rate: float = 1e-3
    image_size: int = 64
    width: int = 128
    depth: int = 6
    heads: int = 4
    predictor_width: int = 160
    predictor_depth: int = 4
    predictor_heads: int = 5
    joint: JointConfig = field(default_factory=JointConfig)
    posttrain: PosttrainConfig = field(default_factory=PosttrainConfig)
    device: str = "cpu"
    threads: int = 2
    seed: int = 0


def load_arrays(data: TrajectoryDataset, image_size: int) -> Arrays:
    """A data set as training arrays."""
    return Arrays(
        frames=data.load_frames(data.cameras, image_size),
        proprio=data.load_vectors("proprio"),
        target=data.load_vectors("target"),
        commanded=data.load_vectors("commanded"),
        intended=data.load_vectors("intended"),
        lengths=data.lengths,
        policies=data.column("policy"),
    )


def build(config: WorldModelTraining, cameras: tuple[str, ...]) -> WorldModel:
    """An untrained model of the configured size."""
    rows = config.image_size // 16
    encoder = EncoderConfig(
        img_size=config.image_size,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
    )
    predictor = ACPredictorConfig(
        grid=(rows * len(cameras), rows),
        embed_dim=config.width,
        predictor_embed_dim=config.predictor_width,
        depth=config.predictor_depth,
        num_heads=config.predictor_heads,
        state_dim=10,
    )
    torch.manual_seed(config.seed)
    return WorldModel(WorldModelConfig("joint", cameras, encoder, predictor, versions=versions()))


def main(config: WorldModelTraining) -> None:
    """Both parts, then the finished model and its card."""
    torch.set_num_threads(config.threads)
    data = TrajectoryDataset(config.data)
    out = Path(config.out)
    arrays = load_arrays(data, config.image_size)
    model = build(config, data.cameras)
    started = time.time()

    def loop(steps: int, rate: float) -> LoopConfig:
        return LoopConfig(steps, rate, seed=config.seed, device=config.device)

    first, second = (
        loop(config.joint_steps, config.joint_rate),
        loop(config.posttrain_steps, config.posttrain_rate),
    )
    joint = train_joint(model, arrays, config.joint, first, out)
    latents = encode_all(model, arrays)
    losses = train_posttrain(model, latents, config.posttrain, second, out)
    save_world_model(model, out)
    card = {
        "data": data.meta,
        "frames": int(data.lengths.sum()),
        "training": asdict(config) | {"data": Path(config.data).name, "out": out.name},
        "minutes_in_this_run": round((time.time() - started) / 60, 1),
        "losses": {"joint": joint, "posttrain": losses},
        "versions": versions(),
    }
    write_atomically(out / "card.json", json.dumps(card, indent=1) + "\n")
    print(f"wrote {out}")
