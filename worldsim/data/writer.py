"""Writing data sets: shard by shard, each moved into place when it is whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from worldsim.data.episode import DatasetError, Episode
from worldsim.data.meta import check_meta
from worldsim.data.shard import Packed, Shard, pack_episode, shard_bytes
from worldsim.data.shard_layout import FORMAT
from worldsim.errors import UserError
from worldsim.files import parse_json, replacing

# What all episodes of a set share. Contacts differ between versions of MuJoCo (3.4, 3.8).
_FIXED = ("cameras", "image_size", "control_period", "action_scale", "recipe")


class TrajectoryWriter:
    """Appends episodes to a data set folder, which is made where it does not exist.

        meta = {"cameras": ["left"], "image_size": 128}
        with TrajectoryWriter("data/mine", meta) as writer:
            todo = set(range(100)) - writer.seeds()
            ...
            writer.append(episode)

    A crash, Ctrl-C or a full disk loses at most the shard being filled; ``seeds`` says what is
    there, so that a collection can go on. Several episodes of one seed go in with
    ``append_group``: they are stored together or not at all. One writer at a time.

    Args:
        path: folder.
        meta: facts about the whole set, as JSON: "cameras" and "image_size" (needed),
            "control_period", "action_scale", "recipe", "versions", ...
        groups_per_shard: groups of episodes to a file.

    Raises:
        DatasetError: when the folder holds another kind of data set or something else, is being
            written by another process, or cannot be written.
    """

    def __init__(self, path: Path | str, meta: dict[str, Any], groups_per_shard: int = 50) -> None:
        self._path = Path(path)
        meta = json.loads(json.dumps({"format": FORMAT, **meta}, default=_as_list))
        check_meta(meta, f"the meta data of {path}")
        self._cameras: list[str] = meta["cameras"]
        self._size: int = meta["image_size"]
        self._groups_per_shard = groups_per_shard
        self._pending: list[list[Packed]] = []
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock: int | None = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise DatasetError(f"cannot write a data set to {path}: {error.strerror}") from error
        try:
            self._claim(meta)
        except BaseException:
            self._release()
            raise

    def _claim(self, meta: dict[str, Any]) -> None:
        """Take the folder for this process, and its meta data as given or as found."""
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"{self._path} is being written by another process") from error
        file, leftovers = self._path / "meta.json", set(self._path.glob("*.tmp"))
        if not file.exists() and leftovers != set(self._path.iterdir()):
            raise DatasetError(f"{self._path} holds something else: choose another folder")
        for leftover in leftovers:
            leftover.unlink()
        if not file.exists():
            self._write(file, (json.dumps(meta, indent=1) + "\n").encode())
            return
        try:
            found = parse_json(file.read_text())
            differing = _differences(found, meta)
        except (ValueError, AttributeError) as error:
            raise DatasetError(f"{file} is damaged: {error}") from error
        for name, theirs, ours in differing:
            raise DatasetError(
                f"{self._path} holds a data set with {name} {theirs!r}, not {ours!r}: "
                "choose another folder"
            )

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending and let go of the folder."""
        try:
            self.flush()
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def seeds(self) -> set[int]:
        """Seeds already stored.

        Raises:
            DatasetError: when a shard is damaged, naming it; without it, the rest can be resumed.
        """
        files = self._path.glob("shard-*.h5")
        shards = (Shard(file, self._cameras, self._size) for file in files)
        return {int(seed) for shard in shards for seed in shard.table["seed"]}

    def append(self, episode: Episode) -> None:
        """Add one episode."""
        self.append_group([episode])

    def append_group(self, episodes: Sequence[Episode | Packed]) -> None:
        """Add all episodes of one seed, packed already (``pack_episode``) or not.

        Raises:
            ValueError: when an episode has other cameras or another image size than the set.
            DatasetError: when a shard cannot be written.
        """
        group = [item if isinstance(item, Packed) else pack_episode(item) for item in episodes]
        for item in group:
            if item.shapes != dict.fromkeys(self._cameras, (self._size, self._size, 3)):
                raise UserError(
                    f"an episode has images {item.shapes}: the data set has "
                    f"{', '.join(self._cameras)} of {self._size} px"
                )
        self._pending.append(group)
        if len(self._pending) >= self._groups_per_shard:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as a shard of its own."""
        items = [item for group in self._pending for item in group]
        self._pending = []  # also when writing fails: leaving the context then tries no second time
        if items:
            numbers = [int(path.stem.split("-")[1]) for path in self._path.glob("shard-*.h5")]
            path = self._path / f"shard-{max(numbers, default=-1) + 1:05d}.h5"
            self._write(path, shard_bytes(items, self._size))

    def _write(self, path: Path, data: bytes) -> None:
        """Write aside, then move into place."""
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DatasetError(
                f"cannot write {path}: {error.strerror}; finished shards stay readable, "
                "and the same command goes on from them"
            ) from error


def _differences(found: dict[str, Any], given: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, found, given) of everything that must be equal to append."""
    pairs = [(name, found.get(name), given.get(name)) for name in ("format", *_FIXED)]
    versions = [meta.get("versions", {}).get("mujoco") for meta in (found, given)]
    pairs.append(("mujoco", versions[0], versions[1]))
    return [pair for pair in pairs if pair[1] != pair[2]]


def _as_list(value: Any) -> Any:
    """Arrays and NumPy numbers in JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"meta holds {type(value).__name__}, which JSON cannot")
