"""Reading data sets: an index of episodes, random access to windows, whole sets as arrays."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.episode import ACTIONS, LABELS, VECTORS, DatasetError, Episode
from worldsim.data.writer import FORMAT

_OPEN_SHARDS = 8


@dataclass(frozen=True)
class Entry:
    """Where an episode is, and its labels."""

    shard: Path
    group: str
    length: int
    labels: dict[str, Any]


class TrajectoryDataset:
    """A data set folder.

    Args:
        path: what ``TrajectoryWriter`` wrote.

    Raises:
        DatasetError: when the folder is missing, foreign or damaged, naming the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.meta: dict[str, Any] = json.loads((self.path / "meta.json").read_text())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} is not a data set: meta.json: {error}") from error
        if self.meta.get("format") != FORMAT:
            raise DatasetError(f"{path} has format {self.meta.get('format')!r}: {FORMAT} is read")
        self._files: OrderedDict[Path, h5py.File] = OrderedDict()
        self.entries: list[Entry] = []
        for shard in sorted(self.path.glob("shard-*.h5")):
            self._index(shard)
        if not self.entries:
            raise DatasetError(f"{path} holds no finished shard")

    def __len__(self) -> int:
        return len(self.entries)

    def _index(self, shard: Path) -> None:
        file = self._open(shard)
        for name, group in file.items():
            labels = {key: _plain(group.attrs[key]) for key in LABELS}
            self.entries.append(Entry(shard, name, len(group["proprio"]), labels))

    def _open(self, shard: Path) -> h5py.File:
        if shard not in self._files:
            try:
                self._files[shard] = h5py.File(shard)
            except OSError as error:
                raise DatasetError(f"{shard} is damaged or no HDF5 file: {error}") from error
            if len(self._files) > _OPEN_SHARDS:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(shard)
        return self._files[shard]

    def column(self, label: str) -> NDArray[Any]:
        """(E,) one label of every episode: seed, task, policy, success, branch_of, branch_step."""
        return np.array([entry.labels[label] for entry in self.entries])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,) frames of every episode."""
        return np.array([entry.length for entry in self.entries])

    @property
    def cameras(self) -> tuple[str, ...]:
        """Views stored."""
        return tuple(self.meta["cameras"])

    def window(
        self, index: int, start: int, length: int, keys: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Consecutive entries of one episode.

        Args:
            index: which episode.
            start: its first frame.
            length: frames.
            keys: "image_left", "proprio", "commanded", ... (action keys give length - 1 entries).

        Raises:
            IndexError: when the window leaves the episode.
        """
        entry = self.entries[index]
        if not 0 <= start <= start + length <= entry.length:
            raise IndexError(f"window {start}:{start + length} leaves 0:{entry.length}")
        group = self._open(entry.shard)[entry.group]
        ends = {key: start + length - (key in ACTIONS) for key in keys}
        return {key: group[key][start : ends[key]] for key in keys}

    def windows(self, length: int, stride: int = 1) -> NDArray[np.int64]:
        """(W, 2) episode and start of every window of so many frames."""
        pairs = [
            (index, start)
            for index, entry in enumerate(self.entries)
            for start in range(0, entry.length - length + 1, stride)
        ]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def episode(self, index: int) -> Episode:
        """One whole episode."""
        entry = self.entries[index]
        keys = [f"image_{camera}" for camera in self.cameras]
        keys += [*VECTORS, *ACTIONS, "physics", "stage"]
        values: dict[str, Any] = dict(self.window(index, 0, entry.length, keys))
        images = {camera: values.pop(f"image_{camera}") for camera in self.cameras}
        return Episode(images=images, **values, **entry.labels)

    def load_frames(self, cameras: Sequence[str], size: int) -> NDArray[np.uint8]:
        """All frames in memory, (F, V, size, size, 3), averaged down to ``size``.

        Raises:
            ValueError: when the stored size is no multiple of ``size``.
        """
        stored = int(self.meta["image_size"])
        if stored % size:
            raise ValueError(f"frames of {stored} px cannot be averaged down to {size} px")
        frames = np.empty((int(self.lengths.sum()), len(cameras), size, size, 3), dtype=np.uint8)
        row = 0
        for index in tqdm(range(len(self)), desc="load frames"):
            length = self.entries[index].length
            images = self.window(index, 0, length, [f"image_{c}" for c in cameras])
            for view, camera in enumerate(cameras):
                frames[row : row + length, view] = shrink(images[f"image_{camera}"], size)
            row += length
        return frames

    def load_vectors(self, key: str) -> NDArray[Any]:
        """(F, ...) a per-frame or per-action entry of all episodes; actions end with a zero row."""
        parts = []
        for index, entry in enumerate(self.entries):
            value = self.window(index, 0, entry.length, [key])[key]
            parts += [value, np.zeros_like(value[:1])] if key in ACTIONS else [value]
        return np.concatenate(parts)


def shrink(frames: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(T, H, W, 3) averaged down by a whole factor."""
    factor = frames.shape[1] // size
    if factor == 1:
        return frames
    total = np.zeros((len(frames), size, size, 3), dtype=np.uint32)
    for row in range(factor):
        for column in range(factor):
            total += frames[:, row::factor, column::factor]
    return ((total + factor * factor // 2) // factor**2).astype(np.uint8)


def _plain(value: Any) -> Any:
    """HDF5 attributes as plain Python values."""
    return value.item() if isinstance(value, np.generic) else value
