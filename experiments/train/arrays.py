"""What trainings read: the chosen episodes of a data set, and their latents of a frozen encoder."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import load_world_model
from worldsim.data import TrajectoryDataset
from worldsim.data.dataset import memory_bytes
from worldsim.errors import UserError
from worldsim.training.batches import Arrays
from worldsim.training.copies import with_copies
from worldsim.training.posttrain import encode_all
from worldsim.world_model import WorldModel

MEMORY_SHARE = 0.5
"""Frames that need more of this machine's memory are mapped from a file."""
DEVICE_SHARE = 0.7
"""Those that need less of a device's free memory are kept there."""


def load_arrays(
    data: TrajectoryDataset,
    image_size: int | None,
    episodes: NDArray[np.bool_],
    out: Path,
    mapped: bool = False,
) -> Arrays:
    """The chosen episodes (E,) of a data set as training arrays.

    Args:
        data: all of it.
        image_size: pixels per side; None, as stored.
        episodes: (E,) mask.
        out: folder of the training; frames too large for memory are mapped from a file there.
        mapped: whether they are so in any case.
    """
    rows = np.repeat(episodes, data.lengths)
    size = image_size or int(data.meta["image_size"])
    needed = math.prod((int(data.lengths.sum()), len(data.cameras), size, size, 3))
    cache = out if mapped or needed > MEMORY_SHARE * memory_bytes() else None

    def chosen(array: Any, mask: NDArray[np.bool_] = rows) -> Any:
        count = int(mask.sum())
        return array[:count] if mask[:count].all() else array[mask]  # a view, where it can be

    return Arrays(
        frames=chosen(data.load_frames(data.cameras, image_size, cache=cache)),
        proprio=chosen(data.load_vectors("proprio")),
        target=chosen(data.load_vectors("target")),
        commanded=chosen(data.load_vectors("commanded")),
        intended=chosen(data.load_vectors("intended")),
        lengths=data.lengths[episodes],
        policies=data.column("policy")[episodes],
    )


def placed(arrays: Arrays, device: str) -> Arrays:
    """Frames or latents on the device that learns from them, where they fit: none waits for a copy.

    What is mapped from a file stays there.
    """
    kind, frames = torch.device(device).type, arrays.frames
    if kind == "cpu" or isinstance(frames, np.memmap):
        return arrays
    free, _ = torch.get_device_module(device).mem_get_info()
    if frames.nbytes > DEVICE_SHARE * free:
        return arrays
    return replace(arrays, frames=torch.as_tensor(frames).to(device))


def readable_size(data: TrajectoryDataset, image_size: int) -> int | None:
    """At which size to read frames for an encoder; None, as stored, where it has to fit them."""
    return image_size if int(data.meta["image_size"]) % image_size == 0 else None


def model_for(data: TrajectoryDataset, name: str) -> WorldModel:
    """The world model of a shipped name or folder, if it sees what the data hold.

    Raises:
        UserError: it has other cameras.
    """
    model = load_world_model(name)
    if data.cameras != model.config.cameras:
        raise UserError(
            f"{data.path} has the cameras {','.join(data.cameras)}: {name} needs "
            f"{','.join(model.config.cameras)}"
        )
    return model


def frozen_latents(
    model: WorldModel,
    data: TrajectoryDataset,
    episodes: NDArray[np.bool_],
    out: Path,
    copies: int = 0,
    seed: int = 0,
) -> Arrays:
    """The chosen episodes (E,) of a data set, their frames encoded once by a model on its device.

    Behind them stand ``copies`` of them that ``seed`` alters, see ``worldsim.training.copies``.
    """
    arrays = load_arrays(data, readable_size(data, model.image_size), episodes, out)
    return with_copies(model, arrays, encode_all(model, arrays), copies, seed)
