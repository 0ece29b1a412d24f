"""A goal value on disk, for the world-model agent to plan with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents.checkpoint import load_agent
from envs.errors import UserError
from worldsim.values import GoalValue, ValueConfig

ALGORITHM, FILE = "value", "model.safetensors"


def card_sizes(value: GoalValue) -> dict[str, Any]:
    """What a card says, for ``load_value`` to rebuild it."""
    return asdict(value.config)


def load_value(folder: str | Path) -> tuple[GoalValue, dict[str, Any]]:
    """A trained goal value and its card.

    Raises:
        ValueError: there is none, or it is damaged or something else.
    """
    card, weights = load_agent(ALGORITHM, FILE, folder)
    try:
        sizes = card["sizes"] | {"hidden": tuple(card["sizes"]["hidden"])}
        value = GoalValue(ValueConfig(**sizes))
        value.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"the goal value in {folder} is damaged: {error}") from error
    return value.eval(), card
