"""One HDF5 file of a data set: its layout, written from and read back to episodes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from worldsim.data.episode import LABELS, STEPS, DatasetError, Episode
from worldsim.data.frames import GZIP_LEVEL, pack, unpack
from worldsim.data.shard_layout import COLUMNS, FORMAT, TABLE, check_layout, check_table
from worldsim.files import UNREADABLE

_ROWS_PER_CHUNK = 64

_DESCRIPTIONS = {
    "proprio": "achieved pose: xyz m, Euler xyz rad, closedness; robot-base frame",
    "target": "commanded pose, as proprio",
    "executed": "achieved difference to the next frame; last row of an episode: zero, no action",
    "commanded": "commanded difference; last row of an episode: zero, no action",
    "intended": "the policy's action before noise; last row of an episode: zero, no action",
    "action": "what the environment was given, in [-1, 1]; NaN where unknown, last row zero",
    "physics": "simulator state, NaN beyond the episode's physics_size",
    "stage": "furthest stage so far, an index into the stages in meta.json",
}


@dataclass(frozen=True)
class Packed:
    """An episode whose frames wait compressed.

    Attributes:
        episode: without images.
        frames: camera -> T gzip chunks.
        shapes: camera -> (H, W, 3) of its frames.
    """

    episode: Episode
    frames: dict[str, list[bytes]]
    shapes: dict[str, tuple[int, ...]]


def pack_episode(episode: Episode) -> Packed:
    """Compress the frames of an episode."""
    frames = {camera: [pack(f) for f in images] for camera, images in episode.images.items()}
    shapes = {camera: images.shape[1:] for camera, images in episode.images.items()}
    return Packed(replace(episode, images={}), frames, shapes)


def shard_bytes(items: Sequence[Packed], image_size: int) -> bytes:
    """A whole shard. Made in memory: a full disk then meets one plain write, not HDF5's caches."""
    episodes = [item.episode for item in items]
    with h5py.File("shard", "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = FORMAT
        for camera in items[0].frames:
            chunks = [chunk for item in items for chunk in item.frames[camera]]
            _write_frames(file, f"image_{camera}", chunks, image_size)
        for name in COLUMNS:
            _write_column(file, name, _flat(name, episodes))
        for name, values in _table(episodes).items():
            kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
            file.create_dataset(f"episodes/{name}", data=values.astype(kind))
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _write_frames(file: h5py.File, name: str, chunks: list[bytes], size: int) -> None:
    dataset = file.create_dataset(
        name,
        shape=(len(chunks), size, size, 3),
        dtype=np.uint8,
        chunks=(1, size, size, 3),
        compression="gzip",
        compression_opts=GZIP_LEVEL,
    )
    for row, chunk in enumerate(chunks):
        dataset.id.write_direct_chunk((row, 0, 0, 0), chunk)


def _write_column(file: h5py.File, name: str, values: NDArray[Any]) -> None:
    dataset = file.create_dataset(
        name,
        data=values,
        chunks=(min(len(values), _ROWS_PER_CHUNK), *values.shape[1:]),
        compression="gzip",
        compression_opts=GZIP_LEVEL,
        shuffle=True,
        fletcher32=True,  # a flipped bit is an error, never another number
    )
    dataset.attrs["description"] = _DESCRIPTIONS[name]


def _flat(name: str, episodes: Sequence[Episode]) -> NDArray[Any]:
    """One column of all episodes, a row per frame."""
    parts = [getattr(episode, name) for episode in episodes]
    if name == "action":
        parts = [unknown(len(e) - 1) if e.action is None else e.action for e in episodes]
    if name in STEPS:
        parts = [np.concatenate([part, np.zeros_like(part[:1])]) for part in parts]
    if name == "physics":
        width = max(1, *(part.shape[1] for part in parts))  # HDF5 wants a chunk of some size
        parts = [widen(part, width) for part in parts]
    return np.concatenate(parts)


def unknown(count: int) -> NDArray[np.float32]:
    """(count, 7) of actions nobody recorded."""
    return np.full((count, 7), np.nan, np.float32)


def widen(physics: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """States of simulators of different size in one column."""
    wide = np.full((len(physics), width), np.nan)
    wide[:, : physics.shape[1]] = physics
    return wide


def _table(episodes: Sequence[Episode]) -> dict[str, NDArray[Any]]:
    lengths = np.array([len(episode) for episode in episodes])
    table: dict[str, NDArray[Any]] = {
        "start": np.cumsum(lengths) - lengths,
        "length": lengths,
        "physics_size": np.array([episode.physics.shape[1] for episode in episodes]),
    }
    return table | {name: np.array([getattr(e, name) for e in episodes]) for name in LABELS}


class Shard:
    """A shard that is read.

    Args:
        path: an HDF5 file of a data set.
        cameras: views it must hold.
        image_size: pixels per side of their frames.

    Raises:
        DatasetError: when the file is damaged or foreign, naming it.
    """

    def __init__(self, path: Path, cameras: Sequence[str], image_size: int) -> None:
        self.path = path
        self._columns: dict[str, NDArray[Any]] = {}
        self._open()
        try:
            if self._file.attrs.get("format") != FORMAT:
                raise DatasetError(f"{path} is no {FORMAT} file")
            check_layout(self._file, cameras, image_size)
            self.table = {name: _plain(self._file[f"episodes/{name}"][()]) for name in TABLE}
            check_table(self.table, self._file["physics"].shape)
        except DatasetError:
            raise
        except UNREADABLE as error:
            raise DatasetError(f"{path} is damaged: {error}") from error

    def _open(self) -> None:
        try:
            self._file = h5py.File(self.path)
        except UNREADABLE as error:
            raise DatasetError(f"{self.path} is damaged or no HDF5 file: {error}") from error
        self._pid = os.getpid()
        self._images: dict[str, h5py.Dataset] = {}

    @cached_property
    def rows(self) -> int:
        """Frames in this shard."""
        return int(self.table["length"].sum())

    def _dataset(self, name: str) -> h5py.Dataset:
        if self._pid != os.getpid():  # a forked worker must not share the parent's HDF5 handles
            self._open()
        if name not in self._images:
            self._images[name] = self._file[name]
        return self._images[name]

    def read(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of a column, (stop - start, ...).

        Raises:
            DatasetError: when they are damaged, naming the file.
        """
        try:
            if name.startswith("image_"):
                return self._frames(name, start, stop)
            if name == "physics":
                states: NDArray[Any] = self._dataset(name)[start:stop]
                return states
            # The other columns stay in memory: 150 bytes a frame, and every window reads them.
            if name not in self._columns:
                known = name in self._file
                self._columns[name] = self._dataset(name)[()] if known else unknown(self.rows)
            return self._columns[name][start:stop]
        except UNREADABLE as error:
            raise DatasetError(f"{self.path} is damaged: {name}: {error}") from error

    def _frames(self, name: str, start: int, stop: int) -> NDArray[np.uint8]:
        dataset = self._dataset(name)
        out = np.empty((stop - start, *dataset.shape[1:]), np.uint8)
        for row in range(start, stop):
            unpack(dataset.id.read_direct_chunk((row, 0, 0, 0))[1], out[row - start])
        return out


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Strings as str, not bytes."""
    return values if values.dtype.kind != "O" else np.array([value.decode() for value in values])
