"""Upstream's ``.pt`` files: a pickle of ``encoder``, ``target_encoder`` and ``predictor`` entries.

V-JEPA 2.1 keeps the moving average under ``ema_encoder`` (ViT-B and ViT-L) or ``target_encoder``.
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

from worldsim.files import UNREADABLE
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
    "encoder": {768: 12, 1024: 16, 1280: 16, 1408: 22, 1664: 26},
    "predictor": {384: 12},
    "ac_predictor": {1024: 16},
}

PUBLISHED_DEPTHS = {
    "vitl": (24, 12),
    "vith": (32, 12),
    "vitg": (40, 12),
    "vitg-384": (40, 12),
    "vjepa2-ac-vitg": (40, 24),
    "vjepa2_1_vitb_dist_vitG_384": (12, 12),
    "vjepa2_1_vitl_dist_vitG_384": (24, 12),
    "vjepa2_1_vitg_384": (40, 24),
    "vjepa2_1_vitG_384": (48, 24),
}
"""Blocks of encoder and predictor in each released file."""


def read_official(path: Path, encoder_entry: str, given: Mapping[str, Mapping[str, Any]]) -> Parts:
    """The parts of an official file; arguments as in ``checkpoints.read``.

    Raises:
        CheckpointError: damaged, unsafe or no V-JEPA 2.
    """
    entries = _unpickle(path)
    names = (encoder_entry, "encoder", "target_encoder", "ema_encoder")
    present = [name for name in names if name in entries]
    if present and _is_2_1(_tensors(path, entries, present[-1])):
        present = present[-1:]
    sources = {"encoder": present[0]} if present else {}
    if "predictor" in entries:
        conditioned = any("action_encoder" in name for name in _tensors(path, entries, "predictor"))
        sources["ac_predictor" if conditioned else "predictor"] = "predictor"
    if not sources:
        raise CheckpointError(
            f"{path} is not a V-JEPA 2 checkpoint: it holds {name_some(entries)}, but neither "
            "encoder, target_encoder, ema_encoder nor predictor"
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
    _check_depths(path, configs)
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
        # Upstream reads one or another; they share their storage in the file.
        eyes = ("encoder", "target_encoder", "ema_encoder")
        for entry in eyes if kind == "encoder" else ("predictor",):
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
    except UNREADABLE as error:
        raise CheckpointError(f"{path} is damaged, truncated or no PyTorch file") from error
    if not isinstance(entries, dict):
        raise CheckpointError(f"{path} is not a V-JEPA 2 checkpoint: no named entries in it")
    return entries


def _tensors(path: Path, entries: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    part = entries[name]
    if not isinstance(part, dict) or not all(isinstance(t, Tensor) for t in part.values()):
        raise CheckpointError(f"{path} is not a V-JEPA 2 checkpoint: {name} holds no tensors")
    return part


def _is_2_1(weights: Mapping[str, Tensor]) -> bool:
    """Whether an encoder or a masked predictor is one of V-JEPA 2.1."""
    return any("norms_block." in name or "predictor_proj_context." in name for name in weights)


def _check_depths(path: Path, configs: Mapping[Kind, Config]) -> None:
    """Refuse a released file of which a part is missing: too few blocks fit any depth.

    Raises:
        CheckpointError: naming how many blocks there are and how many there should be.
    """
    if path.stem not in PUBLISHED_DEPTHS:
        return
    for kind, config in configs.items():
        wanted = PUBLISHED_DEPTHS[path.stem][kind != "encoder"]
        if config.depth != wanted:
            raise CheckpointError(
                f"{path} has {config.depth} blocks in its {kind}, the released one {wanted}: "
                "a part of it is missing"
            )


def _infer(path: Path, kind: Kind, weights: Weights) -> Config:
    """Configuration of a released model, from the shapes of its weights and its file's name."""
    newer = _is_2_1(weights)
    side = 384 if newer or "384" in path.stem else 256
    blocks = "blocks" if kind == "encoder" else "predictor_blocks"
    try:
        hidden, width = weights[f"{blocks}.0.mlp.fc1.weight"].shape
        extra = {"encoder": _of_encoder, "predictor": _of_predictor, "ac_predictor": _of_ac}[kind](
            weights
        )
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
    return translate(
        kind,
        {
            "img_size": side,
            "embed_dim": width,
            "depth": max(numbers) + 1,
            "num_heads": _HEADS[kind][width],
            "mlp_ratio": hidden / width,
            "version": "2.1" if newer else "2",
            **extra,
        },
    )


# Upstream's arguments that the shapes of a part tell.


def _of_encoder(weights: Weights) -> dict[str, Any]:
    _, _, tubelet, patch, _ = weights["patch_embed.proj.weight"].shape
    return {"tubelet_size": tubelet, "patch_size": patch}


def _of_ac(weights: Weights) -> dict[str, Any]:
    inner, outer = weights["predictor_embed.weight"].shape
    actions = weights["action_encoder.weight"].shape[1]
    return {"predictor_embed_dim": inner, "embed_dim": outer, "action_embed_dim": actions}


def _of_predictor(weights: Weights) -> dict[str, Any]:
    tokens = sum(name.startswith("mask_tokens.") for name in weights)
    given: dict[str, Any] = {"num_mask_tokens": tokens}
    if "predictor_embed.weight" in weights:
        inner, outer = weights["predictor_embed.weight"].shape
        levels = 1
    else:  # Linear, GELU, Linear over several depths
        inner, outer = weights["predictor_embed.2.weight"].shape
        levels = weights["predictor_embed.0.weight"].shape[1] // outer
    given |= {"predictor_embed_dim": inner, "embed_dim": outer}
    if not _is_2_1(weights):
        return given
    predicted = weights["predictor_proj.weight"].shape[0]
    teacher = None if predicted == levels * outer else predicted
    return given | {"n_output_distillation": levels, "teacher_embed_dim": teacher}
