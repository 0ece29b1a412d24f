"""A data set as a LeRobotDataset v3.0 (``layout``), which ``lerobot`` opens.

``observation.state`` is ``proprio``; ``action`` is what the environment was given, in [-1, 1], or
where that is unknown ``commanded`` over the action scale. An episode of T frames has T rows;
nothing follows its last, whose actions are zero: in our environments, hold still. Simulator states
stay out: they are of another size in each task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.dataset import TrajectoryDataset
from worldsim.data.episode import LABELS, STEPS, VECTORS, given_actions
from worldsim.data.films import CODEC, PIXELS, write_film
from worldsim.data.lerobot import layout, statistics
from worldsim.errors import UserError
from worldsim.files import whole_folder

_KEPT = (*VECTORS, *STEPS, "stage")
_FRAMES_PER_FILE = 10_000  # of 128 px: some 130 MB of video; LeRobot keeps to 200


def export_lerobot(
    data: TrajectoryDataset, out: Path | str, episodes: Sequence[int] | None = None
) -> None:
    """Write episodes of a data set as a LeRobotDataset, which appears when it is whole.

    Args:
        data: the data set.
        out: a folder that does not exist.
        episodes: which; None is all.

    Raises:
        UserError: the folder exists or cannot be written, or the control period is no whole number
            of frames a second.
    """
    chosen = range(len(data)) if episodes is None else episodes
    with whole_folder(Path(out)) as folder:
        export = _Export(folder, data.meta, _rate(data.meta), data.cameras)
        with tqdm(total=len(chosen), desc="export", unit="episode") as bar:
            for number, group in enumerate(_files(data, chosen)):
                export.write_file(number, data, group, bar)
        export.finish()


def _rate(meta: dict[str, Any]) -> int:
    """Frames a second."""
    rate = 1.0 / float(meta.get("control_period", 0.25))
    if abs(rate - round(rate)) > 1e-6:
        raise UserError(f"{rate:.4g} frames a second: LeRobot's sets have a whole number of them")
    return round(rate)


def _files(data: TrajectoryDataset, chosen: Sequence[int]) -> Iterator[list[int]]:
    """Episodes that share a file."""
    group: list[int] = []
    for index in chosen:
        if group and data.lengths[[*group, index]].sum() > _FRAMES_PER_FILE:
            yield group
            group = []
        group.append(index)
    yield group


@dataclass
class _Export:
    """What has been written so far.

    Attributes:
        folder: to write to.
        meta: of the data set.
        rate: frames a second.
        cameras: views.
        tasks: task -> its index.
        episodes: a row of ``meta/episodes`` each.
        rows: the columns of all frames that have statistics, file by file.
        counts: camera -> (3, 256) counts of all pixels.
    """

    folder: Path
    meta: dict[str, Any]
    rate: int
    cameras: tuple[str, ...]
    tasks: dict[str, int] = field(default_factory=dict)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def write_file(self, number: int, data: TrajectoryDataset, group: list[int], bar: Any) -> None:
        """The parquet file and the videos of some episodes."""
        chunk, file = divmod(number, layout.FILES_PER_CHUNK)
        place = {"chunk_index": chunk, "file_index": file}
        tables, began = [], 0
        for index in group:
            steps = data.window(index, 0, int(data.lengths[index]), _KEPT)
            labels = {name: data.table[name][index].item() for name in LABELS}
            columns = self._columns(steps, labels["task"])
            self.episodes.append(self._episode(steps, labels, columns, place, began))
            tables.append(columns)
            began += len(columns["index"])
        self.rows += tables
        _write(self.folder / layout.DATA.format(**place), _table(tables))
        for camera in self.cameras:
            key = layout.PICTURES + camera
            path = self.folder / layout.VIDEO.format(video_key=key, **place)
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = self._frames(data, group, camera)
            write_film(path, frames, self.rate, int(self.meta["image_size"]))
        bar.update(len(group))

    def _frames(
        self, data: TrajectoryDataset, group: list[int], camera: str
    ) -> Iterator[NDArray[np.uint8]]:
        key, first = f"image_{camera}", len(self.episodes) - len(group)
        for number, index in enumerate(group, start=first):
            frames = data.window(index, 0, int(data.lengths[index]), [key])[key]
            counts = statistics.count(frames)
            self.counts[camera] = self.counts.get(camera, 0) + counts
            found = statistics.of_counts(counts, len(frames))
            self.episodes[number] |= _named(layout.PICTURES + camera, found)
            yield from frames

    def _columns(self, steps: dict[str, NDArray[Any]], task: str) -> dict[str, NDArray[Any]]:
        """The rows of an episode, without pictures."""
        number, count = len(self.episodes), len(steps["proprio"])
        before = self.episodes[-1]["dataset_to_index"] if self.episodes else 0
        frame = np.arange(count)
        return {
            layout.STATE: steps["proprio"],
            layout.ACTION: _padded(given_actions(steps, self.meta)),
            "target": steps["target"],
            "commanded": _padded(steps["commanded"]),
            "intended": _padded(steps["intended"]),
            "stage": steps["stage"].astype(np.int64),
            "timestamp": (frame / self.rate).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(count, number),
            "index": before + frame,
            "task_index": np.full(count, self.tasks.setdefault(task, len(self.tasks))),
        }

    def _episode(
        self,
        steps: dict[str, NDArray[Any]],
        labels: dict[str, Any],
        columns: dict[str, NDArray[Any]],
        place: dict[str, int],
        began: int,
    ) -> dict[str, Any]:
        """A row of ``meta/episodes``; statistics of pictures come with the videos."""
        count, first = len(columns["index"]), int(columns["index"][0])
        row = {
            "episode_index": len(self.episodes),
            "tasks": [labels["task"]],
            "length": count,
            "dataset_from_index": first,
            "dataset_to_index": first + count,
            **{f"data/{name}": value for name, value in place.items()},
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            **{name: labels[name] for name in layout.LABELS},
            "replays": not np.isnan(steps["action"]).any(),
        }
        for camera in self.cameras:
            where = {**place, "from_timestamp": began / self.rate}
            where["to_timestamp"] = (began + count) / self.rate
            key = layout.PICTURES + camera
            row |= {f"videos/{key}/{name}": value for name, value in where.items()}
        for key, values in columns.items():
            row |= _named(key, statistics.of_rows(values))
        return row

    def finish(self) -> None:
        """What is known once all episodes are written."""
        frames = sum(row["length"] for row in self.episodes)
        place = {"chunk_index": 0, "file_index": 0}
        _write(self.folder / layout.EPISODES.format(**place), pa.Table.from_pylist(self.episodes))
        _write(self.folder / layout.TASKS, _tasks(self.tasks))
        stats = {
            key: statistics.of_rows(np.concatenate([rows[key] for rows in self.rows]))
            for key in self.rows[0]
        }
        stats |= {
            layout.PICTURES + camera: statistics.of_counts(counts, frames)
            for camera, counts in self.counts.items()
        }
        _write_json(self.folder / layout.STATS, stats)
        _write_json(self.folder / layout.OURS, self.meta)
        info = {
            "codebase_version": layout.VERSION,
            "robot_type": "panda",
            "total_episodes": len(self.episodes),
            "total_frames": frames,
            "total_tasks": len(self.tasks),
            "chunks_size": layout.FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self.rate,
            "splits": {"train": f"0:{len(self.episodes)}"},
            "data_path": layout.DATA,
            "video_path": layout.VIDEO,
            "features": self._features(),
        }
        _write_json(self.folder / layout.INFO, info)

    def _features(self) -> dict[str, Any]:
        features: dict[str, Any] = {}
        for camera in self.cameras:
            features[layout.PICTURES + camera] = self._picture()
        for key, values in self.rows[0].items():
            vector = values.ndim == 2
            features[key] = {
                "dtype": str(values.dtype),
                "shape": list(values.shape[1:]) if vector else [1],
                "names": list(layout.AXES) if vector else None,
            }
        return features

    def _picture(self) -> dict[str, Any]:
        size = int(self.meta["image_size"])
        return {
            "dtype": "video",
            "shape": [size, size, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": size,
                "video.width": size,
                "video.codec": CODEC,
                "video.pix_fmt": PIXELS,
                "video.is_depth_map": False,
                "video.fps": self.rate,
                "video.channels": 3,
                "has_audio": False,
            },
        }


def _padded(actions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, 7) of (T - 1, 7) actions: none leaves the last frame."""
    return np.concatenate([actions, np.zeros_like(actions[:1])])


def _named(key: str, found: dict[str, list[Any]]) -> dict[str, Any]:
    return {f"stats/{key}/{name}": value for name, value in found.items()}


def _table(parts: list[dict[str, NDArray[Any]]]) -> pa.Table:
    columns = {}
    for key in parts[0]:
        values = np.concatenate([part[key] for part in parts])
        flat = pa.array(values.ravel())
        columns[key] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, 7)
    return pa.table(columns)


def _tasks(tasks: dict[str, int]) -> pa.Table:
    """As pandas writes a frame whose index is the task: LeRobot looks tasks up by that."""
    index = "__index_level_0__"
    described = [("task_index", "task_index", "int64", "int64"), (None, index, "unicode", "object")]
    names = ("name", "field_name", "pandas_type", "numpy_type")
    columns = [dict(zip(names, row, strict=True)) | {"metadata": None} for row in described]
    pandas = {"index_columns": [index], "column_indexes": [], "columns": columns}
    table = pa.table({"task_index": list(tasks.values()), index: list(tasks)})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
