"""Look into V-JEPA 2 checkpoints and change their layout. Nothing is downloaded, nothing is run.

    worldsim checkpoint info weights/vjepa2-ac-vitg.pt
    worldsim checkpoint convert weights/vitl.pt vitl-hf --layout hugging-face

Layouts: "official" is one .pt file as Meta releases them; "hugging-face" a folder that
transformers' VJEPA2Model reads; "worldsim" our own folder of safetensors, which holds any parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from worldsim.vjepa2.checkpoints import Layout, describe, read, write


@dataclass(frozen=True)
class InfoConfig:
    """Options of ``worldsim checkpoint info``.

    Attributes:
        path: an official .pt file, or a folder with config.json and safetensors.
        json: print everything as JSON.
    """

    path: Annotated[str, tyro.conf.Positional]
    json: bool = False


@dataclass(frozen=True)
class ConvertConfig:
    """Options of ``worldsim checkpoint convert``.

    Attributes:
        source: an official .pt file, or a folder with config.json and safetensors.
        target: a .pt file for the official layout, else a folder.
        layout: official, hugging-face or worldsim.
        average: take the moving average of the encoder (target_encoder) from an official file.
        overwrite: replace what is at the target.
    """

    source: Annotated[str, tyro.conf.Positional]
    target: Annotated[str, tyro.conf.Positional]
    layout: Layout = "worldsim"
    average: bool = False
    overwrite: bool = False


def info(config: InfoConfig) -> None:
    """Print layout, parts and sizes."""
    found = describe(config.path)
    print(json.dumps(found, indent=1) if config.json else _text(found))


def convert(config: ConvertConfig) -> None:
    """Read, check and write."""
    checkpoint = read(config.source, "target_encoder" if config.average else "encoder")
    write(checkpoint, Path(config.target), config.layout, config.overwrite)
    print(_text(describe(config.target)))


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['path']}: {found['layout']} layout"]
    for kind, part in found["parts"].items():
        sizes = ", ".join(f"{k} {v}" for k, v in part["config"].items())
        lines.append(f"  {kind}: {part['parameters']:,} parameters, {part['dtype']} ({sizes})")
    if found["ignored"]:
        lines.append(f"  not used: {', '.join(found['ignored'])}")
    return "\n".join(lines)


MAINS: dict[str, Callable[[Any], None]] = {"InfoConfig": info, "ConvertConfig": convert}
