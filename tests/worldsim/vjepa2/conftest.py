"""The golden file: random official models, their inputs and their exact outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

PATH = Path(__file__).parents[2] / "data" / "vjepa2_golden.npz"


@dataclass(frozen=True)
class Golden:
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    def weights(self, part: str) -> dict[str, torch.Tensor]:
        start = f"{part}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}

    def io(self, name: str) -> torch.Tensor:
        return self.tensors[f"io.{name}"]


@pytest.fixture(scope="session")
def golden() -> Golden:
    with np.load(PATH) as data:
        config = json.loads(data["config"].tobytes())
        tensors = {k: torch.from_numpy(data[k]) for k in data.files if k != "config"}
    return Golden(config, tensors)


@pytest.fixture(autouse=True)
def repeatable() -> None:
    torch.manual_seed(0)
