"""Look into V-JEPA 2 checkpoints and change their layout. Nothing is downloaded, nothing is run.

    worldsim checkpoint info weights/vjepa2-ac-vitg.pt
    worldsim checkpoint convert weights/vitl.pt vitl-hf --layout hugging-face

Layouts: "official" is one .pt file as Meta releases them; "hugging-face" a folder that
transformers' VJEPA2Model reads; "worldsim" our own folder of safetensors, which holds any parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from worldsim.layouts import Layout


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
