"""Writing data sets: shard by shard, each moved into place when it is whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py

from worldsim.data.episode import ACTIONS, LABELS, VECTORS, DatasetError, Episode

FORMAT = "worldsim-trajectories-1"
SEEDS_PER_SHARD = 50


class TrajectoryWriter:
    """Appends episodes, grouped by seed, to a data set folder.

    A crash, Ctrl-C or a full disk loses at most the shard being filled; ``seeds`` says what is
    there, so that a collection can go on.

    Args:
        path: folder; made where it does not exist.
        meta: facts about the whole set (cameras, image size, versions, ...).

    Raises:
        DatasetError: when the folder holds another kind of data set.
    """

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)
        file = path / "meta.json"
        if file.exists():
            found = json.loads(file.read_text())
            for key in ("cameras", "image_size", "control_period", "recipe"):
                if found.get(key) != meta.get(key):
                    raise DatasetError(
                        f"{path} holds a data set with {key} {found.get(key)!r}, not "
                        f"{meta.get(key)!r}: choose another folder"
                    )
        else:
            temporary = path / "meta.json.tmp"
            temporary.write_text(json.dumps({"format": FORMAT, **meta}, indent=1) + "\n")
            os.replace(temporary, file)
        self._pending: list[list[Episode]] = []

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()

    def seeds(self) -> set[int]:
        """Seeds already stored."""
        found: set[int] = set()
        for shard in self._path.glob("shard-*.h5"):
            with h5py.File(shard) as file:
                found.update(int(seed) for seed in file.attrs["seeds"])
        return found

    def append_group(self, episodes: list[Episode]) -> None:
        """Add all episodes of one seed."""
        self._pending.append(episodes)
        if len(self._pending) >= SEEDS_PER_SHARD:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as a shard of its own."""
        if not self._pending:
            return
        number = len(list(self._path.glob("shard-*.h5")))
        path = self._path / f"shard-{number:05d}.h5"
        temporary = path.with_suffix(".tmp")
        try:
            with h5py.File(temporary, "w") as file:
                file.attrs["format"] = FORMAT
                file.attrs["seeds"] = [group[0].seed for group in self._pending]
                episodes = [episode for group in self._pending for episode in group]
                for index, episode in enumerate(episodes):
                    _write(file.create_group(f"{index:06d}"), episode)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        self._pending = []


def _write(group: h5py.Group, episode: Episode) -> None:
    for camera, frames in episode.images.items():
        group.create_dataset(
            f"image_{camera}",
            data=frames,
            chunks=(1, *frames.shape[1:]),
            compression="gzip",
            compression_opts=1,
        )
    for name in (*VECTORS, *ACTIONS, "physics", "stage"):
        group.create_dataset(name, data=getattr(episode, name))
    for name in LABELS:
        group.attrs[name] = getattr(episode, name)
