"""Look into V-JEPA 2 checkpoints and change their layout.

Options and help: ``experiments.options.checkpoint``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.options.checkpoint import ConvertConfig, InfoConfig
from worldsim.vjepa2.checkpoints import describe, read, write


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
