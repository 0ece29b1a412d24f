"""Upstream's ``.pt`` files: a pickle of ``encoder``, ``target_encoder`` and ``predictor`` entries.

Names carry the prefixes of wrappers, and a trainer's entries lie beside them. The number of heads
and the picture's size are in no shape, so they come from the released sizes, from a ``config``
entry (ours; upstream ignores it), or from the caller. Nothing in a file is run.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from worldsim.vjepa2.official import (
    KINDS,
    CheckpointError,
    Config,
    Kind,
    Parts,
    Weights,
    arguments,
    name_some,
    strip_prefixes,
    translate,
)

# Attention heads of the released widths.
_HEADS: dict[Kind, dict[int, int]] = {
    "encoder": {1024: 16, 1280: 16, 1408: 22},
    "predictor": {384: 12},
    "ac_predictor": {1024: 16},
}


def read_official(path: Path, encoder_entry: str, given: Mapping[str, Mapping[str, Any]]) -> Parts:
    """The parts of an official file; arguments as in ``checkpoints.read``.

    Raises:
        CheckpointError: damaged, unsafe or no V-JEPA 2.
    """
    entries = _unpickle(path)
    present = [name for name in (encoder_entry, "encoder", "target_encoder") if name in entries]
    sources = {"encoder": present[0]} if present else {}
    if "predictor" in entries:
        conditioned = any("action_encoder" in name for name in _tensors(path, entries, "predictor"))
        sources["ac_predictor" if conditioned else "predictor"] = "predictor"
    if not sources:
        raise CheckpointError(
            f"{path} is not a V-JEPA 2 checkpoint: it holds {name_some(entries)}, but neither "
            "encoder, target_encoder nor predictor"
        )
    own = entries.get("config")
    known = {**(own if isinstance(own, dict) else {}), **given}
    configs: dict[Kind, Config] = {}
    weights: dict[Kind, Weights] = {}
    for kind in KINDS:
        if kind in sources:
            weights[kind] = strip_prefixes(_tensors(path, entries, sources[kind]))
            if kind in known:
                configs[kind] = translate(kind, known[kind])
            else:
                configs[kind] = _infer(path, kind, weights[kind])
    ignored = tuple(name for name in entries if name not in {*sources.values(), "config"})
    return Parts(configs, weights, ignored)


def official_entries(
    configs: Mapping[Kind, Config], weights: Mapping[Kind, Weights]
) -> dict[str, Any]:
    """What to ``torch.save`` so that upstream's loader and ours can read it.

    Raises:
        CheckpointError: upstream's layout cannot hold these parts.
    """
    if "predictor" in configs and "ac_predictor" in configs:
        raise CheckpointError("an official file holds one predictor: this has two")
    entries: dict[str, Any] = {"config": {k: arguments(c) for k, c in configs.items()}}
    for kind, part in weights.items():
        named = {f"module.backbone.{name}": tensor for name, tensor in part.items()}
        # Upstream reads one or the other; they share their storage in the file.
        for entry in ("encoder", "target_encoder") if kind == "encoder" else ("predictor",):
            entries[entry] = named
    return entries


def _unpickle(path: Path) -> dict[str, Any]:
    try:
        mapped = zipfile.is_zipfile(path)  # older files cannot be mapped
        entries = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"(?:GLOBAL|global) (\S+)", str(error))
        if wanted:
            raise CheckpointError(
                f"{path} is refused: to read it, {wanted.group(1)} would have to run. Only tensors "
                "and plain containers are read from a pickle"
            ) from error
        raise CheckpointError(f"{path} is damaged or no PyTorch file") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged, truncated or no PyTorch file") from error
    if not isinstance(entries, dict):
        raise CheckpointError(f"{path} is not a V-JEPA 2 checkpoint: no named entries in it")
    return entries


def _tensors(path: Path, entries: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    part = entries[name]
    if not isinstance(part, dict) or not all(isinstance(t, Tensor) for t in part.values()):
        raise CheckpointError(f"{path} is not a V-JEPA 2 checkpoint: {name} holds no tensors")
    return part


def _infer(path: Path, kind: Kind, weights: Weights) -> Config:
    """Configuration of a released model, from the shapes of its weights and its file's name."""
    side = 384 if "384" in path.stem else 256
    blocks, first = ("blocks", "") if kind == "encoder" else ("predictor_blocks", "predictor_")
    try:
        hidden, width = weights[f"{blocks}.0.mlp.fc1.weight"].shape
        if kind == "encoder":
            _, _, tubelet, patch, _ = weights["patch_embed.proj.weight"].shape
            extra: dict[str, Any] = {"tubelet_size": tubelet, "patch_size": patch}
        else:
            inner, outer = weights[f"{first}embed.weight"].shape
            extra = {"predictor_embed_dim": inner, "embed_dim": outer}
        if kind == "ac_predictor":
            extra["action_embed_dim"] = weights["action_encoder.weight"].shape[1]
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a V-JEPA 2 checkpoint: its {kind} has other layers"
        ) from error
    if width not in _HEADS[kind]:
        raise CheckpointError(
            f"{path} has an {kind} of width {width}: no released model has, so that its number of "
            f"attention heads is unknown (released: {name_some(_HEADS[kind])})"
        )
    numbers = [int(m.group(1)) for n in weights if (m := re.match(rf"{blocks}\.(\d+)\.", n))]
    tokens = sum(name.startswith("mask_tokens.") for name in weights)
    return translate(
        kind,
        {
            "img_size": side,
            "embed_dim": width,
            "depth": max(numbers) + 1,
            "num_heads": _HEADS[kind][width],
            "mlp_ratio": hidden / width,
            "num_mask_tokens": tokens,
            **extra,
        },
    )
