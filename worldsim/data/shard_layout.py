"""What a shard holds, checked before anything of it is read.

An HDF5 file may announce sizes that no memory holds, and point to other files: what is announced is
held against the file's own length and ours, and nothing outside it is opened.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from worldsim.data.episode import LABELS, STEPS, VECTORS
from worldsim.errors import UserError

FORMAT = "worldsim-trajectories-2"

COLUMNS = (*VECTORS, *STEPS, "physics", "stage")
TABLE = ("start", "length", "physics_size", *LABELS)

_TEXT, _TRUTH = ("task", "policy"), ("success",)
_LARGEST_CHUNK = 2**26  # bytes, as they are read at once
_WIDEST = 100_000  # numbers of a simulator's state


def check_layout(file: h5py.File, cameras: Sequence[str], image_size: int) -> None:
    """Names, types and sizes of all that is announced.

    Raises:
        UserError: saying what is wrong.
        KeyError: something is missing.
    """
    size = os.path.getsize(file.filename)
    episodes = [_inside(file, f"episodes/{name}", size) for name in TABLE]
    if {column.shape for column in episodes} != {(len(episodes[0]),)}:
        raise UserError("the columns of episodes have different lengths")
    for name, column in zip(TABLE, episodes, strict=True):
        kind = "O" if name in _TEXT else "b" if name in _TRUTH else "iu"
        _check_kind(f"episodes/{name}", column, kind)
    rows = len(_inside(file, "stage", size))
    for name in COLUMNS:
        if name == "action" and name not in file:
            continue  # data sets of before have no actions as they were given
        column = _inside(file, name, size)
        _check_kind(name, column, "iu" if name == "stage" else "f")
        width = {"stage": (), "physics": column.shape[1:2]}.get(name, (7,))
        if column.shape != (rows, *width) or math.prod(width) > _WIDEST:
            raise UserError(f"{name} has shape {column.shape}: {(rows, *width)} is needed")
    for camera in cameras:
        frames = _inside(file, f"image_{camera}", size)
        shape = (image_size, image_size, 3)
        if frames.dtype != np.uint8 or frames.shape != (rows, *shape):
            raise UserError(f"image_{camera} is no {rows} frames of {image_size} px")
        if frames.chunks != (1, *shape):
            raise UserError(f"image_{camera} is not stored frame by frame")


def check_table(table: dict[str, NDArray[Any]], physics: tuple[int, int]) -> None:
    """Whether episodes lie end to end in the rows of a shard, whose physics have this shape.

    Raises:
        UserError: they do not.
    """
    lengths, rows = table["length"].astype(np.int64), physics[0]
    if lengths.sum() != rows or (lengths < 2).any():
        raise UserError(f"{rows} rows, not the {lengths.sum()} of its episodes")
    if (table["start"] != np.cumsum(lengths) - lengths).any():
        raise UserError("its episodes do not lie end to end")
    if (table["physics_size"] < 0).any() or (table["physics_size"] > physics[1]).any():
        raise UserError("physics_size is more than there is of physics")


def _inside(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    """A data set that lies in this file, and can."""
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"{name} is no data set")
    elsewhere = h5py.h5f.get_name(found.id) != h5py.h5f.get_name(file.id)
    if elsewhere or found.is_virtual or found.external:
        raise UserError(f"{name} lies in another file")
    if found.ndim < 1 or len(found) > size:
        raise UserError(f"{name} announces more rows than the file has bytes")
    if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > _LARGEST_CHUNK:
        raise UserError(f"{name} has chunks of more than {_LARGEST_CHUNK} bytes")
    return found


def _check_kind(name: str, column: h5py.Dataset, kinds: str) -> None:
    if column.dtype.kind not in kinds:
        raise UserError(f"{name} has type {column.dtype}")
