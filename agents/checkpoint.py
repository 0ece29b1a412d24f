"""Weights of trained agents on disk: safetensors for numbers, ``config.json`` for what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from agents.base import Training
from envs import TASKS
from envs.errors import UserError
from worldsim.data.episode import digest
from worldsim.encoders import FrameEncoder
from worldsim.files import parse_json, replacing, write_atomically

SHIPPED = Path(__file__).parent / "weights"


class MissingWeightsError(UserError):
    """There are no weights of an agent, for this task."""


def save_agent(
    folder: Path, card: Mapping[str, Any], tensors: Mapping[str, Tensor], file: str
) -> None:
    """Write weights and card; good ones already there are replaced at once.

    Args:
        folder: made where it does not exist.
        card: facts as JSON; "algorithm" is needed, "task" where the weights are for one task.
        tensors: named weights.
        file: name of the safetensors file.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(folder / "config.json") as small, replacing(folder / file) as big:
        save_file(weights, big)
        small.write_text(json.dumps(card, indent=1) + "\n")


def amend_card(folder: Path, **facts: Any) -> None:
    """Replace facts on the card of weights that stay as they are."""
    path = folder / "config.json"
    card = parse_json(path.read_text()) | facts
    write_atomically(path, json.dumps(card, indent=1) + "\n")


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("algorithm", "world_model", "encoder", "activation", "head"), str),
    **dict.fromkeys(("label", "variant"), str),
    **dict.fromkeys(("keys", "hidden", "action_dims"), list),
    **dict.fromkeys(("inputs", "draws", "environment_steps", "demonstrations", "frames"), int),
    **dict.fromkeys(("pairs", "normalised"), bool),
    **{"guidance": int | float, "minutes": int | float | None, "sizes": dict, "model": dict},
}
"""Entries of cards that agents read, where they have them."""


class Card(dict[str, Any]):
    """What a card says; what it lacks, or has of another kind, is the file's mistake.

    Args:
        path: of the file.
        found: what it holds.

    Raises:
        UserError: naming the file and the entry.
    """

    def __init__(self, path: Path, found: Any) -> None:
        super().__init__(found)
        self.path = path
        for name, kind in _KINDS.items():
            value = self.get(name)
            inside = value if isinstance(value, list) else []
            if name in self and not (isinstance(value, kind) and all(map(_whole_or_name, inside))):
                raise UserError(f"{path} is damaged: {name} cannot be {value!r}")

    def __missing__(self, name: str) -> Any:
        raise UserError(f"{self.path} is damaged: it lacks {name}")


def _whole_or_name(value: Any) -> bool:
    return isinstance(value, int | str)


def load_agent(
    algorithm: str, file: str, folder: str | Path | None = None, task: str | None = None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Card and weights of a trained agent.

    Args:
        algorithm: whose weights are wanted.
        file: name of the safetensors file.
        folder: where they are; default: the shipped ones.
        task: the task they must be for, where weights are for one task.

    Raises:
        MissingWeightsError: when there are none.
        ValueError: when they are of another algorithm or task, or damaged.
    """
    if not isinstance(folder, str | Path | None):
        raise UserError(f"model {folder!r}: a folder is needed")
    place = (algorithm,) if task is None else (algorithm, task)
    root = Path(folder) if folder is not None else SHIPPED.joinpath(*place)
    wanted = algorithm if task is None else f"{algorithm} for {task}"
    if task is not None and task not in TASKS:
        raise MissingWeightsError(
            f"there are no weights of {wanted}: it learns {', '.join(TASKS)} alone"
        )
    if not (root / "config.json").exists():
        option = "" if task is None else f" --task {task}"
        where = "are shipped" if folder is None else f"in {str(folder)!r}"
        raise MissingWeightsError(
            f"no weights of {wanted} {where}: train them with "
            f"'worldsim train {algorithm}{option}' and give their folder"
        )
    try:
        raw = parse_json((root / "config.json").read_text())
        its = {**raw}.get("algorithm", "something else than an agent")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{root / 'config.json'} is damaged: {error}") from error
    if its != algorithm:
        raise UserError(f"{root.name} holds weights of {its}: {wanted} is needed")
    card = Card(root / "config.json", raw)
    if task is not None and card["task"] != task:
        raise UserError(
            f"{root.name} holds weights of {algorithm} for {card['task']}: {wanted} is needed"
        )
    try:
        return card, load_file(root / file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{root / file} is missing or damaged: {error}") from error


def weights_digest(*parts: nn.Module | FrameEncoder | Mapping[str, Tensor]) -> str:
    """Sixteen hex digits that name the numbers an agent acts with, wherever they came from.

    Args:
        parts: networks, or named weights.
    """
    named = [part if isinstance(part, Mapping) else part.state_dict() for part in parts]
    return digest(*(part[name].float().cpu().numpy() for part in named for name in sorted(part)))


def training_of(card: Mapping[str, Any], parameters: int) -> Training:
    """What a card says an agent took to make.

    Args:
        card: what ``save_agent`` was given.
        parameters: learnt numbers used to act, a frozen encoder's included.
    """
    variant = card.get("variant", "pure")
    name = card["algorithm"] if variant == "pure" else f"{card['algorithm']} {variant}"
    return Training(
        label=card.get("label", name),
        parameters=parameters,
        environment_steps=int(card.get("environment_steps", 0)),
        demonstrations=int(card.get("demonstrations", 0)),
        offline_frames=int(card.get("frames", 0)),
        minutes=card.get("minutes"),
    )
