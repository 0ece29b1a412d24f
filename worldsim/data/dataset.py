"""Reading data sets: a table of episodes, random access to windows, whole sets as arrays."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.episode import STEPS, VECTORS, DatasetError, Episode, digest
from worldsim.data.frames import shrink
from worldsim.data.meta import check_meta
from worldsim.data.shard import Shard, widen
from worldsim.data.shard_layout import COLUMNS, FORMAT, TABLE
from worldsim.errors import UserError
from worldsim.files import UNREADABLE, parse_json, replacing

__all__ = ["TrajectoryDataset", "shrink"]

_BLOCK = 64  # frames that one thread decodes at a time


class TrajectoryDataset:
    """A data set folder; picklable, and safe in forked workers of a data loader.

        data = TrajectoryDataset("data/default")
        for episode, start in data.windows(length=4):
            window = data.window(episode, start, 4, ["image_left", "proprio", "commanded"])

    Attributes:
        path: the folder.
        meta: what its writer was told, and the format.
        table: label -> (E,) array: seed, task, policy, success, branch_of, branch_step, length,
            start (within its shard), physics_size, shard. ``pandas.DataFrame(data.table)`` works.

    Args:
        path: what ``TrajectoryWriter`` wrote.

    Raises:
        DatasetError: when the folder is missing, foreign or damaged, naming the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.meta: dict[str, Any] = parse_json((self.path / "meta.json").read_text())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} is not a data set: meta.json: {error}") from error
        if not isinstance(self.meta, dict) or self.meta.get("format") != FORMAT:
            found = self.meta.get("format") if isinstance(self.meta, dict) else None
            raise DatasetError(f"{path} has format {found!r}: {FORMAT} is read")
        check_meta(self.meta, f"the meta data of {path}")
        size = self.meta["image_size"]
        files = sorted(self.path.glob("shard-*.h5"))
        self._shards = [Shard(file, self.cameras, size) for file in files]
        if not self._shards:
            raise DatasetError(f"{path} holds no finished shard")
        self.table: dict[str, NDArray[Any]] = {
            name: np.concatenate([shard.table[name] for shard in self._shards]) for name in TABLE
        }
        counts = [len(shard.table["length"]) for shard in self._shards]
        self.table["shard"] = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self.lengths)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return TrajectoryDataset, (self.path,)

    def column(self, label: str) -> NDArray[Any]:
        """(E,) one label of every episode: seed, task, policy, success, branch_of, branch_step.

        Raises:
            ValueError: when there is no such label.
        """
        if label not in self.table:
            raise UserError(f"no label {label!r}: allowed are {', '.join(self.table)}")
        return self.table[label]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,) frames of every episode."""
        return self.table["length"]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(E,) first row of every episode in what ``load_frames`` and ``load_vectors`` return."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def cameras(self) -> tuple[str, ...]:
        """Views stored."""
        return tuple(self.meta["cameras"])

    def windows(self, length: int, stride: int = 1) -> NDArray[np.int64]:
        """(W, 2) episode and start of every window of so many frames."""
        if length < 1 or stride < 1:
            raise UserError(f"length {length} and stride {stride} must be at least 1")
        counts = np.maximum((self.lengths - length) // stride + 1, 0)
        episodes = np.repeat(np.arange(len(self)), counts)
        within = np.arange(len(episodes)) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.stack([episodes, within * stride], axis=1)

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
            IndexError: when there is no such episode, or the window leaves it.
            ValueError: when a key is not stored.
            DatasetError: when the file is damaged.
        """
        self._check_index(index)
        if not 0 <= start < start + length <= self.lengths[index]:
            raise IndexError(f"window {start}:{start + length} leaves 0:{self.lengths[index]}")
        self._check_keys(keys)
        shard = self._shards[self.table["shard"][index]]
        first = int(self.table["start"][index]) + start
        found = {k: shard.read(k, first, first + length - (k in STEPS)) for k in keys}
        if "physics" in found:
            found["physics"] = found["physics"][:, : self.table["physics_size"][index]]
        return {k: value.copy() for k, value in found.items()}

    def episode(self, index: int) -> Episode:
        """One whole episode; raises as ``window`` does."""
        keys = [*VECTORS, *STEPS, "physics", "stage", *(f"image_{c}" for c in self.cameras)]
        self._check_index(index)
        values: dict[str, Any] = dict(self.window(index, 0, int(self.lengths[index]), keys))
        images = {camera: values.pop(f"image_{camera}") for camera in self.cameras}
        if np.isnan(values["action"]).any():
            values["action"] = None
        return Episode(images=images, **values, **self._labels(index))

    def _labels(self, index: int) -> dict[str, Any]:
        names = ("seed", "task", "policy", "success", "branch_of", "branch_step")
        return {name: self.table[name][index].item() for name in names}

    def digests(self) -> list[str]:
        """``Episode.digest`` of every episode, without decoding a picture."""
        found = []
        for shard in self._shards:
            physics, commanded = (shard.read(k, 0, shard.rows) for k in ("physics", "commanded"))
            table = shard.table
            for start, count, width in zip(
                table["start"], table["length"], table["physics_size"], strict=True
            ):
                states = physics[start : start + count, :width]
                found.append(digest(states, commanded[start : start + count - 1]))
        return found

    def load_vectors(self, key: str) -> NDArray[Any]:
        """(F, ...) a per-frame or per-action entry of all episodes.

        The actions of an episode end with a zero row, its physics with NaN columns where other
        episodes have larger simulators.
        """
        self._check_keys([key])
        parts = [shard.read(key, 0, shard.rows) for shard in self._shards]
        if key == "physics":
            parts = [widen(part, max(p.shape[1] for p in parts)) for part in parts]
        return np.concatenate(parts)

    def load_frames(
        self,
        cameras: Sequence[str],
        size: int | None = None,
        workers: int = 0,
        cache: Path | str | None = None,
    ) -> NDArray[np.uint8]:
        """All frames, (F, V, size, size, 3), decoded once.

        Args:
            cameras: views, in this order.
            size: pixels per side, averaged down from what is stored; None leaves them.
            workers: threads; 0 is one per core.
            cache: a folder where the decoded frames are kept as one .npy file. The result is then
                mapped from it (copy-on-write) instead of held in memory, and the next call with
                the same data, views and size is immediate.

        Raises:
            ValueError: unknown camera, a ``size`` beyond what is stored, or the frames are more
                than this machine's memory.
            DatasetError: a file is damaged, or the cache does not fit on the disk.
        """
        stored = int(self.meta["image_size"])
        size = stored if size is None else size
        if not 1 <= size <= stored:
            raise UserError(f"frames of {stored} px cannot be averaged down to {size} px")
        _check_list(cameras)
        self._check_keys([f"image_{camera}" for camera in cameras])
        shape = (int(self.lengths.sum()), len(cameras), size, size, 3)
        if cache is None:
            _check_memory(shape)
            frames = np.empty(shape, dtype=np.uint8)
            self._decode(frames, cameras, workers)
            return frames
        path = Path(cache) / f"frames-{self._fingerprint(cameras, size)}.npy"
        if not path.exists():
            with replacing(path) as temporary:
                _reserve(temporary, shape)
                mapped = np.load(temporary, mmap_mode="r+")
                self._decode(mapped, cameras, workers)
                mapped.flush()
        try:
            loaded: NDArray[np.uint8] = np.load(path, mmap_mode="c").reshape(shape)
        except UNREADABLE as error:
            raise DatasetError(f"{path} is damaged: remove it") from error
        return loaded

    def load_arrays(
        self,
        keys: Sequence[str],
        cameras: Sequence[str] = (),
        size: int | None = None,
        workers: int = 0,
        cache: Path | str | None = None,
    ) -> dict[str, NDArray[Any]]:
        """The whole set as arrays laid end to end: ``keys``, "frames" and "offsets".

        See ``load_vectors``, ``load_frames`` and ``offsets``.
        """
        arrays = {key: self.load_vectors(key) for key in keys} | {"offsets": self.offsets}
        if cameras:
            arrays["frames"] = self.load_frames(cameras, size, workers, cache)
        return arrays

    def _decode(self, out: NDArray[np.uint8], cameras: Sequence[str], workers: int) -> None:
        """Fill (F, V, S, S, 3), block by block, in threads: zlib runs outside Python's lock."""
        firsts = np.cumsum([0, *(shard.rows for shard in self._shards)])

        def decode(job: tuple[int, int]) -> int:
            number, start = job
            shard = self._shards[number]
            stop = min(start + _BLOCK, shard.rows)
            rows = slice(int(firsts[number]) + start, int(firsts[number]) + stop)
            for view, camera in enumerate(cameras):
                out[rows, view] = shrink(shard.read(f"image_{camera}", start, stop), out.shape[2])
            return stop - start

        jobs = [(n, s) for n, h in enumerate(self._shards) for s in range(0, h.rows, _BLOCK)]
        pool = ThreadPoolExecutor(workers or os.cpu_count())
        try:
            with tqdm(total=len(out), desc="load frames", unit="frame") as bar:
                for count in pool.map(decode, jobs):
                    bar.update(count)
        finally:
            pool.shutdown(cancel_futures=True)

    def _fingerprint(self, cameras: Sequence[str], size: int) -> str:
        """Names a cache by what it was made of."""
        files = [shard.path.stat() for shard in self._shards]
        facts = [[s.st_size, s.st_mtime_ns] for s in files] + [list(cameras), size]
        return digest(np.frombuffer(json.dumps(facts).encode(), np.uint8))

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f"episode {index}: {self.path} has {len(self)}, from 0 on")

    def _check_keys(self, keys: Sequence[str]) -> None:
        allowed = [*COLUMNS, *(f"image_{camera}" for camera in self.cameras)]
        _check_list(keys)
        for key in keys:
            if key not in allowed:
                raise UserError(f"{self.path} has no {key!r}: allowed are {', '.join(allowed)}")


def memory_bytes() -> int:
    """Of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_list(names: Sequence[str]) -> None:
    if isinstance(names, str):
        raise UserError(f"a list of names is needed, as [{names!r}], and not {names!r}")


def _check_memory(shape: tuple[int, ...]) -> None:
    """A sentence now, and not a killed process later."""
    needed, memory = math.prod(shape), memory_bytes()
    if needed > memory:
        raise UserError(
            f"the frames need {needed / 2**30:.1f} GiB, this machine has {memory / 2**30:.1f}: "
            "give a cache folder, a smaller size or fewer cameras"
        )


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """An empty .npy file, its blocks reserved: a full disk is an error now, not a SIGBUS later."""
    try:
        with path.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
            os.posix_fallocate(file.fileno(), file.tell(), math.prod(shape))
    except OSError as error:
        raise DatasetError(f"cannot write {path}: {error.strerror}") from error
