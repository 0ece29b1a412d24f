"""Goal-conditioned behaviour cloning on frozen latents.

Options and help: ``experiments.options.train_gc_bc``.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from agents.checkpoint import save_agent
from agents.gc_bc import ALGORITHM, FILE
from experiments.options.train_gc_bc import GcBcTraining
from experiments.train.arrays import frozen_latents, model_for
from experiments.train.trainings import (
    card_of,
    check_demonstrators,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    gives_back,
)
from worldsim.data import TrajectoryDataset
from worldsim.encoders import encoder_digest
from worldsim.training.batches import Arrays
from worldsim.training.flow_head import train_flow_head
from worldsim.training.goal_head import train_goal_head
from worldsim.training.loop import LoopConfig
from worldsim.training.options import FlowHeadConfig, GoalHeadConfig
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel


@gives_back
def main(config: GcBcTraining) -> None:
    """Encode once, train the policy, write it and its card."""
    check_options(config)
    data, out = TrajectoryDataset(config.data), Path(config.out)
    episodes = episodes_of(data, config.share)
    check_demonstrators(data, episodes, config.demonstrators)
    model = model_for(data, config.model)
    encoder = encoder_digest(model.encoder)
    run = claim(ALGORITHM, config, out, {"encoder": encoder, **data_claim(data, episodes)})
    model = model.to(config.device)
    latents = frozen_latents(model, data, episodes, out, config.copies, config.seed)
    loop = LoopConfig(
        config.steps,
        config.learning_rate,
        seed=config.seed,
        device=config.device,
        precision=config.precision,
    )
    head, losses = train_head(model, latents, config, loop, run)
    facts = {
        "world_model": config.model,
        "encoder": encoder,
        **data_card(data, episodes),
        "head": config.head,
        **(_acting(config) if config.head == "flow" else {}),
        "parameters": sum(p.numel() for p in head.parameters()),
        "losses": losses,
    }
    weights = {name: tensor.half() for name, tensor in head.state_dict().items()}
    save_agent(out, card_of(ALGORITHM, config, run, facts), weights, FILE)
    run.close()
    print(f"wrote {out}")


def _acting(config: GcBcTraining) -> dict[str, float]:
    """How a flow acts, and what it reads."""
    return {name: getattr(config, name) for name in ("guidance", "pairs", "draws")}


def train_head(
    model: WorldModel, latents: Arrays, config: GcBcTraining, loop: LoopConfig, run: TrainingRun
) -> tuple[nn.Module, dict[str, float]]:
    """The trained policy, and running means of its losses."""
    if config.head == "flow":
        flow = FlowHeadConfig(
            batch=config.batch,
            goal_free=config.goal_free,
            single_view=0.0,
            released=config.released,
            pairs=config.pairs,
            demonstrators=config.demonstrators,
        )
        return train_flow_head(model, latents, flow, loop, run, ALGORITHM)
    part = GoalHeadConfig(
        batch=config.batch,
        steps=0.0,
        single_view=0.0,
        released=config.released,
        demonstrators=config.demonstrators,
    )
    losses = train_goal_head(model, latents, part, loop, run, ALGORITHM)
    return model.goal_head, {"actions": losses["actions"]}
