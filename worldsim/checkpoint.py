"""Saving and loading world models: safetensors for the weights, JSON for what they are."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from worldsim.vjepa2 import ACPredictorConfig, CheckpointError, EncoderConfig
from worldsim.world_model import WorldModel, WorldModelConfig

SHIPPED = Path(__file__).parent / "weights"
_FORMAT = "worldsim-world-model-1"


def save_world_model(model: WorldModel, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write ``model.safetensors`` and ``config.json``; a good model there is replaced at once."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().cpu().to(dtype).contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors.tmp", metadata={"format": _FORMAT})
    text = json.dumps({"format": _FORMAT, **asdict(model.config)}, indent=2)
    (folder / "config.json.tmp").write_text(text + "\n")
    for name in ("model.safetensors", "config.json"):
        os.replace(folder / f"{name}.tmp", folder / name)


def load_world_model(name_or_path: str | Path = "tiny") -> WorldModel:
    """A trained world model in evaluation mode, float32.

    Args:
        name_or_path: a shipped name ("tiny") or a folder ``save_world_model`` wrote.

    Raises:
        CheckpointError: when there is no such model or it cannot be read.
    """
    folder = SHIPPED / str(name_or_path)
    if not (folder / "config.json").exists():
        folder = Path(name_or_path)
    if not (folder / "config.json").exists():
        shipped = ", ".join(sorted(p.parent.name for p in SHIPPED.glob("*/config.json"))) or "none"
        raise CheckpointError(
            f"no world model {str(name_or_path)!r}: shipped are {shipped}; or give a folder with "
            "config.json and model.safetensors"
        )
    model = WorldModel(_read_config(folder / "config.json"))
    path = folder / "model.safetensors"
    try:
        weights = load_file(path)
        model.load_state_dict({k: v.float() for k, v in weights.items()})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit its config.json: other layers") from error
    return model.eval()


def _read_config(path: Path) -> WorldModelConfig:
    try:
        raw = json.loads(path.read_text())
        if raw.pop("format") != _FORMAT:
            raise KeyError("format")
        predictor = raw.pop("predictor")
        predictor["grid"] = tuple(predictor["grid"])
        return WorldModelConfig(
            recipe=raw.pop("recipe"),
            cameras=tuple(raw.pop("cameras")),
            encoder=EncoderConfig(**raw.pop("encoder")),
            predictor=ACPredictorConfig(**predictor),
            action_scale=tuple(raw.pop("action_scale")),
            **raw,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a worldsim model's config: {error}") from error
