"""What an agent sees and what it took to make: printed beside every score."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents.base import Agent, Training
from experiments.runs.spec import RunSpec
from experiments.runs.store import Kinds, read_json
from worldsim.checkpoint import SHIPPED

FACTS: Kinds = {
    "inputs": list,
    "goal": str,
    "parameters": int,
    "environment_steps": int,
    "demonstrations": int,
    "offline_frames": int,
    "minutes": int | float | None,
}
"""What a summary's ``made_of`` holds, at least."""

HEADER = (
    *("task", "agent", "tier", "sees", "goal", "parameters", "own environment steps"),
    *("demonstrations", "offline frames", "training minutes"),
)


def made_of(agent: Agent, spec: RunSpec) -> dict[str, Any]:
    """Inputs, form of the goal, size and training of an agent, as JSON."""
    training: Training | None = getattr(agent, "training", None)
    if training is None:
        training = _of_world_model(agent, spec)
    pictures = any(key.startswith("image_") for key in agent.observation_keys)
    goal = "pictures" if pictures else "coordinates" if agent.observation_keys else "none"
    found = {"inputs": list(agent.observation_keys), "goal": goal, **asdict(training)}
    model = getattr(agent, "model", None)
    recipe = getattr(getattr(model, "config", None), "recipe", None)
    return found if recipe is None else found | {"recipe": recipe}


def _of_world_model(agent: Agent, spec: RunSpec) -> Training:
    """Size of the agent's world model, if it has one, and what the model's card says."""
    model = getattr(agent, "model", None)
    if model is None:
        return Training(spec.agent, 0)
    name = str(spec.options.get("model", "tiny"))
    cards = (place / "card.json" for place in (SHIPPED / name, Path(name)))
    card = next((read_json(path) for path in cards if path.exists()), {})
    return Training(
        label=spec.agent,
        parameters=sum(p.numel() for p in model.parameters()),
        offline_frames=int(card.get("frames", 0)),
        minutes=card.get("minutes"),
    )


def cells(label: str, tier: str, summary: dict[str, Any]) -> tuple[str, ...]:
    """One row of the table ``HEADER`` as text."""
    facts = summary["made_of"]
    return (
        summary["task"],
        label,
        tier,
        ", ".join(facts["inputs"]) or "nothing",
        facts["goal"],
        f"{facts['parameters']:,}",
        f"{facts['environment_steps']:,}",
        f"{facts['demonstrations']:,}",
        f"{facts['offline_frames']:,}" if facts["offline_frames"] else "-",
        "-" if facts["minutes"] is None else f"{facts['minutes']:.0f}",
    )
