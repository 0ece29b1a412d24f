"""Train a goal-conditioned value and a short-range policy on a world model's frozen latents.

Options and help: ``experiments.options.train_value``.
"""

from __future__ import annotations

from pathlib import Path

from agents.checkpoint import save_agent
from agents.goal_value import ALGORITHM, FILE, card_sizes
from experiments.options.train_value import ValueOptions
from experiments.train.arrays import frozen_latents, model_for
from experiments.train.trainings import (
    card_of,
    check_options,
    claim,
    data_card,
    data_claim,
    episodes_of,
    gives_back,
)
from worldsim.data import TrajectoryDataset
from worldsim.encoders import encoder_digest
from worldsim.errors import UserError
from worldsim.training.loop import LoopConfig
from worldsim.training.value import ValueTraining, train_value


@gives_back
def main(config: ValueOptions) -> None:
    """Encode once, train value and policy, write them and their card."""
    check_options(config)
    if not 0.5 <= config.expectile < 1.0:
        raise UserError(f"expectile {config.expectile}: allowed is at least 0.5 and less than 1")
    if config.gamma == 1.0:
        raise UserError("gamma 1.0: allowed is less than 1, or no distance is told from another")
    data, out = TrajectoryDataset(config.data), Path(config.out)
    episodes = episodes_of(data, config.share, config.policies)
    if config.jump >= (longest := int(data.lengths[episodes].max())):
        raise UserError(f"jump {config.jump}: allowed is less than {longest}, the longest episode")
    model = model_for(data, config.model)
    encoder = encoder_digest(model.encoder)
    run = claim(ALGORITHM, config, out, {"encoder": encoder, **data_claim(data, episodes)})
    latents = frozen_latents(model.to(config.device), data, episodes, out)
    options = ValueTraining(
        config.batch, config.gamma, config.expectile, config.temperature, config.jump
    )
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
