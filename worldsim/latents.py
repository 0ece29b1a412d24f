"""Latents of a whole data set, encoded once: in memory, or in a file that is mapped and resumed.

A large encoder's latents are larger than the frames they come from (ViT-L: half a mebibyte a
picture), so they are kept in bfloat16 in one file. A run that was cut short goes on where it was.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from worldsim.encoders import encoder_digest
from worldsim.errors import UserError
from worldsim.files import parse_json, write_atomically
from worldsim.world_model import WorldModel

_BATCH = 256
_NUMBERS_AT_ONCE = 2**25  # latent numbers of one batch: 64 frames of two ViT-L views

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Estimate:
    """What encoding a data set takes.

    Attributes:
        hours: on this machine and device.
        gib: of latents in bfloat16.
    """

    hours: float
    gib: float


def estimate(model: WorldModel, frames: Frames, timed: int = 8) -> Estimate:
    """Time a few frames of (F, V, S, S, 3) to tell what all of them take."""
    some = frames[: min(timed, len(frames))]
    encode(model, some)  # the first call allocates and compiles
    started = time.perf_counter()
    latents = encode(model, some)
    each = (time.perf_counter() - started) / len(some)
    return Estimate(each * len(frames) / 3600, 2 * latents[0].numel() * len(frames) / 2**30)


def encode_set(model: WorldModel, frames: Frames, path: Path | None = None) -> Tensor:
    """Latents (F, N, D) bfloat16 of frames (F, V, S, S, 3), on the CPU.

    Args:
        model: whose encoder, on the device it is to run on.
        frames: of any size.
        path: a file to map them from, beside which ``.json`` tells how far it is; None keeps them
            in memory.

    Raises:
        ValueError: the file holds latents of other frames or of another encoder, or the disk is
            full.
    """
    views = frames.shape[1]
    shape = (len(frames), model.tokens(views), model.encoder.width)
    if path is None:
        latents, done = torch.empty(shape, dtype=torch.bfloat16), 0
    else:
        latents, done = _open(path, shape, encoder_digest(model.encoder))
    batch = max(1, min(_BATCH, _NUMBERS_AT_ONCE // math.prod(shape[1:])))
    with tqdm(total=len(frames), initial=done, desc="encode", unit="frame") as bar:
        for start in range(done, len(frames), batch):
            stop = min(start + batch, len(frames))
            latents[start:stop] = encode(model, frames[start:stop])
            if path is not None:
                _note(path, {**_read(path), "done": stop})
            bar.update(stop - start)
    return latents


@torch.no_grad()
def encode(model: WorldModel, frames: Frames) -> Tensor:
    """Latents (F, N, D) bfloat16 of a few frames (F, V, S, S, 3), on the CPU."""
    images = torch.as_tensor(np.ascontiguousarray(frames)).to(model.device)
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        return model.encode_frames(images).to(torch.bfloat16).cpu()


def _open(path: Path, shape: tuple[int, ...], encoder: str) -> tuple[Tensor, int]:
    """The mapped file and how many frames of it are encoded."""
    wanted = {"shape": list(shape), "encoder": encoder}
    found = _read(path)
    if found and {k: found.get(k) for k in wanted} != wanted:
        raise UserError(f"{path} holds latents of other frames or of another encoder: remove it")
    if not found or not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 2 * math.prod(shape))
        except OSError as error:
            path.unlink(missing_ok=True)
            gib = 2 * math.prod(shape) / 2**30
            raise UserError(f"cannot keep {gib:.1f} GiB in {path}: {error.strerror}") from error
        found = {**wanted, "done": 0}
        _note(path, found)
    numbers = torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=torch.bfloat16)
    return numbers.view(shape), int(found["done"])


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = parse_json(path.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("done"), int) else {}


def _note(path: Path, facts: dict[str, Any]) -> None:
    write_atomically(path.with_suffix(".json"), json.dumps(facts) + "\n")
