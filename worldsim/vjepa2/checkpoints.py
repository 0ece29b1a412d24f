"""V-JEPA 2 checkpoints on disk: official ``.pt``, Hugging Face folders and our own, both ways.

    checkpoint = read("weights/vjepa2-ac-vitg.pt")
    encoder, predictor = checkpoint.module("encoder"), checkpoint.module("ac_predictor")
    write(read("weights/vitl.pt"), Path("vitl-hf"), "hugging-face")

Nothing is downloaded and nothing in a file is run: pickles are read with ``weights_only=True``.
Tensors stay mapped from disk until they are used, so a file's optimiser state costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from worldsim.files import UNREADABLE, parse_json, replacing, write_atomically
from worldsim.layouts import LAYOUTS, Layout
from worldsim.vjepa2.ac_predictor import ACPredictorConfig
from worldsim.vjepa2.encoder import EncoderConfig
from worldsim.vjepa2.hugging_face import from_hugging_face, to_hugging_face
from worldsim.vjepa2.official import (
    KINDS,
    CheckpointError,
    Config,
    Kind,
    Parts,
    Weights,
    build,
    name_some,
)
from worldsim.vjepa2.official_file import PUBLISHED_DEPTHS, official_entries, read_official
from worldsim.vjepa2.predictor import PredictorConfig

PUBLISHED = tuple(f"{name}.pt" for name in PUBLISHED_DEPTHS)
SOURCE = "https://dl.fbaipublicfiles.com/vjepa2/"

_FORMAT = "worldsim-vjepa2-1"
_WORLD_MODEL = "worldsim-world-model-1"
_CONFIGS: dict[Kind, Any] = {
    "encoder": EncoderConfig,
    "predictor": PredictorConfig,
    "ac_predictor": ACPredictorConfig,
}


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        layout: how it was laid out.
        configs: configuration of each part.
        weights: our names (which are upstream's) to tensors, for each part.
        ignored: entries that no part uses, such as a trainer's.
    """

    layout: Layout
    configs: dict[Kind, Config]
    weights: dict[Kind, Weights]
    ignored: tuple[str, ...] = ()

    def module(self, kind: Kind, dtype: torch.dtype = torch.float32) -> nn.Module:
        """One part, in evaluation mode; it shares its tensors with the checkpoint.

        Raises:
            CheckpointError: the part is not there, or its weights do not fit.
        """
        if kind not in self.configs:
            raise CheckpointError(
                f"no {kind} in the checkpoint: it holds {name_some(self.configs)}"
            )
        return build(self.configs[kind], self.weights[kind], dtype)

    @staticmethod
    def of(modules: Mapping[Kind, nn.Module]) -> Checkpoint:
        """A checkpoint of modules in memory."""
        configs = {kind: module.config for kind, module in modules.items()}
        weights = {kind: module.state_dict() for kind, module in modules.items()}
        return Checkpoint("worldsim", configs, weights)  # type: ignore[arg-type]


def read(
    path: str | Path,
    encoder_entry: Literal["encoder", "target_encoder"] = "encoder",
    configs: Mapping[str, Mapping[str, Any]] | None = None,
) -> Checkpoint:
    """Open a checkpoint of any layout.

    Args:
        path: an official ``.pt`` file, or a folder with ``config.json`` and safetensors.
        encoder_entry: which encoder of an official file to take: the trained one, which upstream's
            own loader takes, or its moving average. The other one is taken where there is only one.
            Of a V-JEPA 2.1 file it is always the moving average, as upstream does.
        configs: upstream's constructor arguments by kind, for official files of unreleased sizes.

    Raises:
        CheckpointError: missing, damaged, unsafe or no V-JEPA 2; the sentence says which.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(_missing(path))
    if path.is_dir():
        return _read_folder(path)
    if path.suffix == ".safetensors":
        raise CheckpointError(f"{path} is one file of a model: give its folder {path.parent}")
    return Checkpoint("official", *read_official(path, encoder_entry, configs or {}))


def write(checkpoint: Checkpoint, path: Path, layout: Layout, overwrite: bool = False) -> None:
    """Write a checkpoint: a ``.pt`` file for "official", else a folder.

    Everything is checked before anything is written, and files are moved in whole.

    Raises:
        CheckpointError: the target exists, the weights do not fit, or the layout cannot hold them.
    """
    if layout not in LAYOUTS:
        raise CheckpointError(f"no layout {layout!r}: allowed are {', '.join(LAYOUTS)}")
    target = path if layout == "official" else path / "model.safetensors"
    if path.is_file() and (layout != "official" or not overwrite):
        raise CheckpointError(f"{path} exists already: remove it or choose another place")
    if target.exists() and not overwrite:
        raise CheckpointError(f"{target} exists already: remove it or choose another place")
    modules = {kind: checkpoint.module(kind) for kind in checkpoint.configs}
    weights = {kind: dict(module.state_dict()) for kind, module in modules.items()}
    if layout == "official":
        entries = official_entries(checkpoint.configs, weights)
        with replacing(path) as file:
            torch.save(entries, file)
        return
    if layout == "hugging-face":
        config, tensors = to_hugging_face(checkpoint.configs, weights)
    else:
        config = {"format": _FORMAT, "parts": {k: asdict(c) for k, c in checkpoint.configs.items()}}
        tensors = {
            f"{kind}.{name}": t for kind, part in weights.items() for name, t in part.items()
        }
    with replacing(target) as file:
        save_file(tensors, file, metadata={"format": "pt"})
    text = json.dumps(config, indent=2) + "\n"
    write_atomically(path / "config.json", text)


def describe(path: str | Path) -> dict[str, Any]:
    """What is in a checkpoint, ready for JSON: layout, parts with sizes, entries not used."""
    checkpoint = read(path)
    parts = {}
    for kind, config in checkpoint.configs.items():
        tensors = checkpoint.weights[kind].values()
        parts[kind] = {
            "parameters": sum(t.numel() for t in tensors),
            "dtype": name_some(sorted({str(t.dtype).removeprefix("torch.") for t in tensors})),
            "config": asdict(config),
        }
    ignored = sorted(checkpoint.ignored)
    return {"path": str(path), "layout": checkpoint.layout, "parts": parts, "ignored": ignored}


# -- folders --------------------------------------------------------------------------------------


def _read_folder(folder: Path) -> Checkpoint:
    file = folder / "config.json"
    if not file.exists():
        raise CheckpointError(f"{folder} has no config.json: not a folder of a V-JEPA 2 model")
    try:
        config = parse_json(file.read_text())
        name = config.get("format", config.get("model_type"))
        if name not in ("vjepa2", _FORMAT, _WORLD_MODEL):
            agent = f"an agent, {config['algorithm']}" if "algorithm" in config else "another model"
            raise CheckpointError(
                f"{file} describes {agent if name is None else repr(name)}: allowed are vjepa2, "
                f"{_FORMAT} and {_WORLD_MODEL}"
            )
        weights = _read_safetensors(folder)
        if name == "vjepa2":
            return Checkpoint("hugging-face", *from_hugging_face(config, weights))
        if name == _FORMAT:
            sections = {kind: (f"{kind}.", part) for kind, part in config["parts"].items()}
        else:  # a whole world model: its V-JEPA 2 parts
            sections = {"ac_predictor": ("predictor.", config["predictor"])}
            if "digest" not in config["encoder"]:  # otherwise it lies elsewhere
                sections["encoder"] = ("encoder.", config["encoder"])
        return Checkpoint("worldsim", *_split(sections, weights))
    except CheckpointError:
        raise
    except UNREADABLE as error:
        raise CheckpointError(f"{file} is damaged or incomplete: {error}") from error


def _split(sections: Mapping[str, tuple[str, Mapping[str, Any]]], weights: Weights) -> Parts:
    """Sort tensors into parts by the prefix of their names."""
    configs: dict[Kind, Config] = {}
    parts: dict[Kind, Weights] = {}
    for kind in KINDS:
        if kind in sections:
            prefix, fields = sections[kind]
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            configs[kind] = _CONFIGS[kind](**values)
            parts[kind] = {
                name.removeprefix(prefix): tensor
                for name, tensor in weights.items()
                if name.startswith(prefix)
            }
    prefixes = tuple(prefix for prefix, _ in sections.values())
    ignored = tuple(name for name in weights if not name.startswith(prefixes))
    return Parts(configs, parts, ignored)


def _read_safetensors(folder: Path) -> Weights:
    """All tensors of a folder, in one file or in shards."""
    index = folder / "model.safetensors.index.json"
    files = ["model.safetensors"]
    if index.exists():
        files = sorted(set(parse_json(index.read_text())["weight_map"].values()))
    weights: Weights = {}
    for name in files:
        if Path(name).name != name:
            raise CheckpointError(f"{index} points outside its folder: {name}")
        if not (folder / name).exists():
            raise CheckpointError(f"{folder} lacks {name}: place it beside config.json")
        try:
            weights |= load_file(folder / name)
        except SafetensorError as error:
            raise CheckpointError(f"{folder / name} is damaged or truncated: {error}") from error
    return weights


# -- inside ---------------------------------------------------------------------------------------


def _missing(path: Path) -> str:
    if path.name in PUBLISHED:
        return f"no file {path}: download {SOURCE}{path.name} and place it there"
    return (
        f"nothing at {path}: give a released file ({', '.join(PUBLISHED)}, from {SOURCE}), or a "
        "folder with config.json and model.safetensors, such as facebook/vjepa2-vitl-fpc64-256"
    )
