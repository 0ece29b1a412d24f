"""Saving and loading world models: safetensors for the weights, JSON for what they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from worldsim.encoders import EncoderReference
from worldsim.errors import UserError
from worldsim.files import UNREADABLE, parse_json, replacing
from worldsim.states import PLACE_AND_YAW
from worldsim.vjepa2 import (
    ACPredictor,
    ACPredictorConfig,
    CheckpointError,
    Encoder,
    EncoderConfig,
)
from worldsim.vjepa2.checkpoints import SOURCE, read
from worldsim.world_model import WorldModel, WorldModelConfig

SHIPPED = Path(__file__).parent / "weights"
AC_FILE = "vjepa2-ac-vitg.pt"
_FORMAT = "worldsim-world-model-1"


def save_world_model(model: WorldModel, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write ``model.safetensors`` and ``config.json``; a good model there is replaced at once.

    An encoder that the configuration refers to is not written.
    """
    weights = {k: v.detach().cpu().to(dtype).contiguous() for k, v in model.state_dict().items()}
    text = json.dumps({"format": _FORMAT, **asdict(model.config)}, indent=2)
    with replacing(folder / "config.json") as file, replacing(folder / "model.safetensors") as big:
        save_file(weights, big, metadata={"format": _FORMAT})
        file.write_text(text + "\n")


def load_world_model(name_or_path: str | Path = "tiny") -> WorldModel:
    """A trained world model in evaluation mode, float32.

    Released weights (arXiv 2506.09985) give the same interface: each frame is resized to the
    encoder's 256 px, repeated to fill the tubelet, and its features are layer-normed. They know one
    exterior camera and have no read-out and no goal head.

    A model trained on a frozen encoder of somebody else's opens that one where it lies.

    Args:
        name_or_path: a shipped name ("tiny"), a folder ``save_world_model`` wrote, V-JEPA 2-AC's
            released file, or another checkpoint with encoder and action-conditioned predictor.

    Raises:
        CheckpointError: when there is no such model or it cannot be read.
    """
    if not isinstance(name_or_path, str | Path) or not str(name_or_path).strip():
        raise CheckpointError(
            f"world model {name_or_path!r}: a name ({', '.join(shipped())}) or a path is needed"
        )
    folder = SHIPPED / str(name_or_path)
    if not (folder / "config.json").exists():
        folder = Path(name_or_path)
    if not _is_ours(folder):
        return _load_released(Path(name_or_path))
    model = _new_model(folder / "config.json")
    path = folder / "model.safetensors"
    try:
        weights = load_file(path)
        model.load_state_dict({k: v.float() for k, v in weights.items()})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit its config.json: other layers") from error
    return model.eval()


def shipped() -> tuple[str, ...]:
    """Names of the models in this package."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/config.json")))


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds a whole world model of ours (or a damaged one)."""
    try:
        return bool(parse_json((folder / "config.json").read_text()).get("format") == _FORMAT)
    except OSError:
        return False
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{folder / 'config.json'} is damaged: {error}") from error


def _load_released(path: Path) -> WorldModel:
    """A world model around an encoder and predictor in any layout of V-JEPA 2 checkpoints."""
    if not path.exists() and path.suffix == "":
        raise CheckpointError(
            f"no world model {str(path)!r}: shipped are {', '.join(shipped()) or 'none'}; or give "
            f"a folder with config.json and model.safetensors, or {AC_FILE}"
        )
    checkpoint = read(path)
    if missing := {"encoder", "ac_predictor"} - checkpoint.configs.keys():
        raise CheckpointError(
            f"{path} has no {' and no '.join(sorted(missing))}: planning needs both, as in the "
            f"released {AC_FILE} (from {SOURCE})"
        )
    encoder, predictor = checkpoint.module("encoder"), checkpoint.module("ac_predictor")
    assert isinstance(encoder, Encoder)
    assert isinstance(predictor, ACPredictor)
    config = WorldModelConfig(
        recipe="official",
        cameras=("left",),
        encoder=encoder.config,
        predictor=predictor.config,
        heads=False,
    )
    try:
        with torch.device("meta"):
            model = WorldModel(config, encoder)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    # Only the predictor lives on the meta device by now; it comes from the file.
    model.predictor = predictor
    model.action_scale = torch.tensor(config.action_scale)
    return model.eval()


def _new_model(path: Path) -> WorldModel:
    """An untrained model of the sizes in a file."""
    config = _read_config(path)
    try:
        return WorldModel(config)
    except UserError:
        raise
    except UNREADABLE as error:
        raise CheckpointError(f"{path}: no model can be of its sizes: {error}") from error


def _read_config(path: Path) -> WorldModelConfig:
    try:
        raw = parse_json(path.read_text())
        if raw.pop("format") != _FORMAT:
            raise KeyError("format")
        predictor = raw.pop("predictor")
        predictor["grid"] = tuple(predictor["grid"])
        return WorldModelConfig(
            recipe=raw.pop("recipe"),
            cameras=tuple(raw.pop("cameras")),
            encoder=_read_encoder(raw.pop("encoder")),
            predictor=ACPredictorConfig(**predictor),
            action_scale=tuple(raw.pop("action_scale")),
            starts=_read_starts(raw.pop("starts", None)),
            **raw,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a worldsim model's config: {error}") from error


def _read_starts(raw: list[list[float]] | None) -> tuple[tuple[float, ...], ...] | None:
    if raw is None:
        return None
    low, high = (tuple(float(number) for number in corner) for corner in raw)
    if len(low) != len(PLACE_AND_YAW) or not all(a <= b for a, b in zip(low, high, strict=True)):
        raise UserError(f"starts {raw} are no box of x, y, z and yaw")
    return low, high


def _read_encoder(raw: dict[str, Any]) -> EncoderConfig | EncoderReference:
    return EncoderReference(**raw) if "digest" in raw else EncoderConfig(**raw)
