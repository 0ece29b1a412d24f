"""The parts of a world model, one after the other.

Options and help: ``experiments.options.train_world_model``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from experiments.options.train_world_model import WorldModelTraining
from experiments.runs.store import read_json
from experiments.runs.versions import versions
from experiments.train.arrays import load_arrays, model_for, placed, readable_size
from experiments.train.trainings import (
    card_of,
    check_demonstrators,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    gives_back,
    write_card,
)
from worldsim.checkpoint import save_world_model
from worldsim.data import TrajectoryDataset
from worldsim.encoders import EncoderReference, FrameEncoder, encoder_digest, open_encoder
from worldsim.errors import UserError
from worldsim.latents import estimate
from worldsim.moves import Moves
from worldsim.training.batches import Arrays
from worldsim.training.copies import with_copies
from worldsim.training.flow_head import train_flow_head
from worldsim.training.goal_head import train_goal_head
from worldsim.training.joint import train_joint
from worldsim.training.loop import LoopConfig
from worldsim.training.moves import details_of, train_moves
from worldsim.training.posttrain import encode_all, train_posttrain
from worldsim.training.run import TrainingRun
from worldsim.training.sharpen import sharpened
from worldsim.vjepa2 import ACPredictorConfig, Encoder, EncoderConfig
from worldsim.vjepa2.checkpoints import read
from worldsim.world_model import WorldModel, WorldModelConfig

SIZE = 64
"""Pixels per side that an encoder of ours sees unless told otherwise."""
ENCODER_SIZES = ("width", "depth", "heads", "stem")
PREDICTOR_SIZES = ("predictor_width", "predictor_depth", "predictor_heads")


def build(
    config: WorldModelTraining, cameras: tuple[str, ...], encoder: FrameEncoder | None = None
) -> WorldModel:
    """An untrained model of the configured size, or one around a trained encoder."""
    ours = EncoderConfig(
        img_size=config.image_size or SIZE,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        stem=config.stem,
    )
    sizes: EncoderConfig | EncoderReference = ours
    if config.encoder is not None and encoder is not None:
        if isinstance(encoder, Encoder) and is_ours(config.encoder):
            sizes = encoder.config
        else:
            sizes = EncoderReference.to(encoder, config.encoder)
    torch.manual_seed(config.seed)
    seeing = encoder or Encoder(ours)
    rows, columns = seeing.grid
    predictor = ACPredictorConfig(
        grid=(rows * len(cameras), columns),
        embed_dim=seeing.width,
        predictor_embed_dim=config.predictor_width,
        depth=config.predictor_depth,
        num_heads=config.predictor_heads,
        state_dim=10,
    )
    recipe = "joint" if encoder is None else "two-stage"
    model = WorldModelConfig(recipe, cameras, sizes, predictor, versions=versions())
    return WorldModel(model, seeing)


def started(config: WorldModelTraining, data: TrajectoryDataset, name: str) -> WorldModel:
    """The model of a name to go on from, with the pictures' size that is asked for.

    Raises:
        UserError: it has other cameras than the data, or cannot see pictures of that size.
    """
    before = model_for(data, name)
    size = config.image_size or before.image_size
    model = sharpened(before, size, config.seed)
    if config.joint_steps or size != before.image_size:  # these are of other latents
        for learnt, part in (("flow", "flow_head"), ("moves", "moves")):
            if getattr(model.config, learnt):
                delattr(model, part)
        model.config = replace(model.config, flow=False, moves=False)
    model.config = replace(model.config, recipe="joint", versions=versions())
    return model.train()


def moves_steps(config: WorldModelTraining) -> dict[str, int]:
    """Steps of the networks of moves that are to be trained, by name."""
    steps = {part: getattr(config, f"{part}_steps") for part in Moves.PARTS}
    return {part: count for part, count in steps.items() if count}


def is_ours(path: str) -> bool:
    """Whether an encoder is what ``worldsim train encoder`` wrote.

    Raises:
        ValueError: when it was trained jointly with a predictor of ours.
    """
    file = Path(path) / "config.json"
    if not file.exists() or "format" not in read_json(file):
        return False
    if "ac_predictor" in read(path).configs:
        raise UserError(
            f"{path} is a whole world model: --encoder takes what `worldsim train encoder` "
            "wrote, or released encoders"
        )
    return True


def check_sizes(config: WorldModelTraining) -> None:
    """Refuse sizes of what is not built anew.

    Raises:
        UserError: some are given with a model to start from, or an encoder's with a frozen one.
    """
    fixed: tuple[str, ...] = ()
    if config.start is not None:
        fixed = (*ENCODER_SIZES, *PREDICTOR_SIZES)
    elif config.encoder is not None:
        fixed = ENCODER_SIZES
    given = [name for name in fixed if getattr(config, name) != getattr(WorldModelTraining, name)]
    if given:
        raise UserError(
            f"{', '.join(given)}: {config.start or config.encoder} has its own, leave them out"
        )


@gives_back
def main(config: WorldModelTraining) -> None:
    """All parts, then the finished model and its card."""
    check_options(config)
    check_sizes(config)
    if config.start is not None and config.encoder is not None:
        raise UserError("give either start, a whole world model, or encoder, a frozen one")
    steps = (config.joint_steps, config.posttrain_steps, config.goal_head_steps)
    if config.start is None and not all(steps):
        raise UserError("a part of 0 steps leaves what the model started from: give start")
    data = TrajectoryDataset(config.data)
    episodes = episodes_of(data, config.share, config.policies)
    out, encoder = Path(config.out), None
    if config.encoder is not None:
        is_ours(config.encoder)  # refuses a whole world model
        encoder = open_encoder(config.encoder, config.image_size)
    elif config.joint_steps:
        check_demonstrators(data, episodes, config.joint.demonstrators)
    for part in ("posttrain", "goal_head", "flow_head"):
        if getattr(config, f"{part}_steps"):
            check_demonstrators(data, episodes, getattr(config, part).demonstrators)
    if moves_steps(config):
        check_demonstrators(data, episodes, config.moves.demonstrators)
    start = None if config.start is None else started(config, data, config.start)
    model = start or build(config, data.cameras, encoder)
    if 0 < len(moves_steps(config)) < len(Moves.PARTS) and not model.config.moves:
        raise UserError(f"moves need {', '.join(Moves.PARTS)}: give steps for each of them")
    foreign = isinstance(model.config.encoder, EncoderReference)
    if config.copies and (foreign or moves_steps(config)):
        raise UserError("copies: neither moves nor what learns on somebody else's encoder take any")
    recipe = model.config.recipe
    built_on = {
        "encoder": None if encoder is None else encoder_digest(encoder),
        "start": None if start is None else encoder_digest(start),
    }
    claimed = {"recipe": recipe, **built_on, **data_claim(data, episodes)}
    run = claim("world-model", config, out, claimed)
    model.to(config.device)
    size = model.image_size if encoder is None else readable_size(data, model.image_size)
    arrays = load_arrays(data, size, episodes, out, foreign)
    losses = train(model, arrays, config, run, out / "latents.bf16" if foreign else None)
    save_world_model(model, out)
    facts = {"recipe": recipe, **data_card(data, episodes), "losses": losses}
    write_card(out, card_of("world-model", config, run, facts))
    run.close()
    print(f"wrote {out}")


def train(
    model: WorldModel,
    arrays: Arrays,
    config: WorldModelTraining,
    run: TrainingRun,
    latents_file: Path | None = None,
) -> dict[str, dict[str, float]]:
    """All parts of the model's recipe.

    Args:
        model: trained in place.
        arrays: frames (F, V, S, S, 3).
        config: options.
        run: where checkpoints are kept for resume.
        latents_file: where latents are kept, if not in memory.

    Returns:
        Running means of the losses of each part.
    """

    def loop(steps: int, rate: float) -> LoopConfig:
        return LoopConfig(
            steps, rate, seed=config.seed, device=config.device, precision=config.precision
        )

    losses = {}
    model.config = replace(model.config, starts=arrays.start_box())
    if model.config.recipe == "joint" and config.joint_steps:
        near = placed(arrays, config.device)
        first = loop(config.joint_steps, config.joint_rate)
        losses["joint"] = train_joint(model, near, config.joint, first, run)
        del near  # latents need the room
    moves = moves_steps(config)
    if not (config.posttrain_steps or config.goal_head_steps or config.flow_head_steps or moves):
        return losses
    latents = latents_of(model, arrays, config, latents_file)
    if config.posttrain_steps:
        second = loop(config.posttrain_steps, config.posttrain_rate)
        losses["posttrain"] = train_posttrain(model, latents, config.posttrain, second, run)
        model.config = replace(model.config, one_step_error=losses["posttrain"]["predict"])
    if config.goal_head_steps:
        third = loop(config.goal_head_steps, config.goal_head_rate)
        losses["goal_head"] = train_goal_head(model, latents, config.goal_head, third, run)
    if config.flow_head_steps:
        fourth = loop(config.flow_head_steps, config.flow_head_rate)
        flow = train_flow_head(model, latents, config.flow_head, fourth, run)
        model.flow_head, losses["flow_head"] = flow
        own = config.flow_head
        model.config = replace(
            model.config, flow=True, guidance=own.guidance, pairs=own.pairs, draws=own.draws
        )
    if moves:
        fifth = {part: loop(steps, config.moves_rate) for part, steps in moves.items()}
        details = placed(details_of(model, arrays), config.device)
        learnt = train_moves(model, latents, details, config.moves, fifth, run)
        model.moves, losses["moves"] = learnt
        model.config = replace(model.config, moves=True)
    return losses


def latents_of(
    model: WorldModel, arrays: Arrays, config: WorldModelTraining, file: Path | None
) -> Arrays:
    """Latents of all frames, in memory or in a file: how long that takes is said before."""
    device = config.device
    if file is not None:
        told = estimate(model, np.asanyarray(arrays.frames))
        print(
            f"encoding {len(arrays.frames):,} frames takes about {told.hours:.1f} h on "
            f"{device} and {told.gib:.1f} GiB in {file}"
        )
    latents = encode_all(model, arrays, file)
    return placed(with_copies(model, arrays, latents, config.copies, config.seed), device)
