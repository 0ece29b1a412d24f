"""Checkpoints of RL trainings, written and read; nothing that is in a file is run.

They hold more than tensors: replay buffers and generators are NumPy's, an episode's start and
progress are ours. PyTorch's reader makes those, which are named here, and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from envs.progress import Progress
from envs.start import ObjectStart, Start
from worldsim.files import replacing

CHECKPOINT = "checkpoint.pt"

_KINDS = ("bool", "int8", "uint8", "int32", "int64", "uint32", "float16", "float32", "float64")
_MADE: list[Any] = [
    *(Start, ObjectStart, Progress),
    *(np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in _KINDS)),
    # What NumPy's own pickles call; where they are moved from version to version.
    *(np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0], bytes),
]


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a good one is replaced at once."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def read_checkpoint(path: Path, mmap: bool = False) -> dict[str, Any]:
    """What a checkpoint holds, in the processor's memory.

    Args:
        path: of the file.
        mmap: read a tensor when it is used.

    Raises:
        one of ``worldsim.files.UNREADABLE``: it is damaged, or something in it would have to run.
    """
    with torch.serialization.safe_globals(_MADE):
        found: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=mmap)
    return found
