"""A data set of a LeRobotDataset v3.0 (``layout``): ours back again, or DROID's columns.

The achieved pose is ``observation.state.cartesian_position`` and ``gripper_position`` as DROID has
them, or an ``observation.state`` whose seven components are named as poses. The commanded one is
DROID's ``action.cartesian_position`` and ``gripper_position``, an absolute pose; where there is
none (an ``action`` may be anything), it is the next achieved one, and actions are differences of
achieved poses, as V-JEPA 2-AC takes DROID's. The rows of an episode, or every so many-th of them,
give as many frames, and the actions between them: what leaves the last row leads to no frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim import poses
from worldsim.data.episode import DatasetError, Episode
from worldsim.data.films import read_film
from worldsim.data.lerobot import layout
from worldsim.data.lerobot.columns import Columns, choose
from worldsim.data.lerobot.places import path_of
from worldsim.data.writer import TrajectoryWriter
from worldsim.errors import UserError
from worldsim.files import UNREADABLE, parse_json

Rows = dict[str, NDArray[Any]]
_EARLY_S = 1e-4
"""Seconds that a time stamp may be off, as for LeRobot."""


def import_lerobot(
    source: Path | str,
    out: Path | str,
    image_size: int | None = None,
    cameras: Sequence[str] = (),
    stride: int = 1,
) -> Columns:
    """Make a data set of a LeRobotDataset; an interrupted import goes on where it stopped.

    Args:
        source: its folder.
        out: the data set to make or to go on with.
        image_size: pixels per side of what is kept of each frame's middle square; None, those of
            the smallest.
        cameras: keep these only; none named: all.
        stride: keep every so many-th frame; the poses commanded on the way add up.

    Returns:
        The columns that were used.

    Raises:
        DatasetError: something is missing, damaged or makes no sense, naming the file.
        UserError: no such camera, a size or stride below 1, or a stride for a set of ours.
    """
    root = Path(source)
    info, columns = _opened(root, cameras)
    _check_stride(stride, columns)
    size = _size(info, columns, image_size)
    episodes = _episodes(root, info)
    with TrajectoryWriter(out, _meta(root, info, columns, size, stride)) as writer:
        done = writer.seeds()
        frames = _read(root, info, columns, episodes, size, stride)
        bar = tqdm(frames, "import", len(episodes), unit="episode")
        for seed, group in itertools.groupby(bar, key=lambda episode: episode.seed):
            if seed not in done:
                writer.append_group(list(group))
    return columns


def _opened(root: Path, cameras: Sequence[str]) -> tuple[dict[str, Any], Columns]:
    """What the set says about itself, and the columns to read."""
    file = root / layout.INFO
    try:
        info = parse_json(file.read_text())
        version = info["codebase_version"]
        if not version.startswith("v3."):
            raise DatasetError(
                f"{root} is a LeRobotDataset {version}: v3 is read; lerobot's "
                "convert_dataset_v21_to_v30 converts older ones"
            )
        if not (isinstance(info["fps"], int) and info["fps"] > 0):
            raise DatasetError(f"{file} has fps {info['fps']!r}: a whole number is needed")
        return info, choose(info["features"], cameras, (root / layout.OURS).exists())
    except UserError:
        raise
    except UNREADABLE as error:
        raise DatasetError(f"{root} is no LeRobotDataset: {layout.INFO}: {error}") from error


def _check_stride(stride: int, columns: Columns) -> None:
    if stride < 1:
        raise UserError(f"stride {stride} must be at least 1")
    if columns.ours and stride > 1:
        raise UserError(
            "a set that worldsim exported keeps its steps: stride is for those of others"
        )


def _size(info: dict[str, Any], columns: Columns, image_size: int | None) -> int:
    if image_size is not None and image_size < 1:
        raise UserError(f"image-size {image_size} must be at least 1")
    try:
        shapes = [info["features"][key]["shape"] for key in columns.cameras.values()]
        return image_size or min(min(height, width) for height, width, _ in shapes)
    except (ValueError, TypeError) as error:
        raise DatasetError("the shape of a video is no height, width and channels") from error


def _meta(
    root: Path, info: dict[str, Any], columns: Columns, size: int, stride: int
) -> dict[str, Any]:
    """Of the data set to write."""
    meta = {"control_period": stride / info["fps"], "recipe": "lerobot"}
    if columns.ours:
        file = root / layout.OURS
        try:
            meta |= parse_json(file.read_text())
        except (OSError, ValueError, TypeError) as error:
            raise DatasetError(f"{file} is damaged: {error}") from error
        meta.pop("format", None)
    else:
        meta["columns"] = columns.sentence()
    return {**meta, "cameras": list(columns.cameras), "image_size": size}


def _episodes(root: Path, info: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``meta/episodes`` in the order of their numbers, without statistics."""
    files = sorted((root / "meta/episodes").glob("*/*.parquet"))
    if not files:
        raise DatasetError(f"{root} has no meta/episodes")
    rows = []
    for file in files:
        names = _schema(file).names
        if "episode_index" not in names:
            raise DatasetError(f"{file} has no episode_index")
        rows += _table(file, [n for n in names if not n.startswith("stats/")]).to_pylist()
    if len(rows) != info.get("total_episodes"):
        raise DatasetError(
            f"{root} has {len(rows)} episodes: {info.get('total_episodes')} are announced"
        )
    return sorted(rows, key=lambda row: row["episode_index"])


def _read(
    root: Path,
    info: dict[str, Any],
    columns: Columns,
    episodes: list[dict[str, Any]],
    size: int,
    stride: int,
) -> Iterator[Episode]:
    """All episodes, each file and each video opened once where episodes lie in their order."""
    rows: tuple[Path, Rows] | None = None
    films: dict[str, _Film] = {}
    for row in episodes:
        number = row["episode_index"]
        try:
            path = path_of(root, info["data_path"], row, "data")
            if rows is None or rows[0] != path:
                rows = path, _rows(path, columns)
            mine = rows[1]["episode_index"] == number
            steps = {key: values[mine] for key, values in rows[1].items()}
            _check_times(path, steps, info["fps"], row)
            images = {}
            for camera, key in columns.cameras.items():
                film = path_of(root, info["video_path"], row, f"videos/{key}", key)
                first = round(row[f"videos/{key}/from_timestamp"] * info["fps"])
                if camera not in films or not films[camera].leads_to(film, first):
                    films[camera] = _Film(film, size)
                images[camera] = films[camera].take(first, len(steps["timestamp"]), stride)
            yield _episode(row, columns, steps, images, stride)
        except DatasetError:
            raise
        except UNREADABLE as error:
            raise DatasetError(f"{root}: episode {number} is damaged: {error}") from error


class _Film:
    """A video that is read from its start on, once."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size, self.next = path, size, 0
        self._frames = read_film(path, size)

    def leads_to(self, path: Path, first: int) -> bool:
        """Whether frame ``first`` of a video is still to come here."""
        return path == self.path and first >= self.next

    def take(self, first: int, count: int, stride: int) -> NDArray[np.uint8]:
        """(n, size, size, 3) every so many-th of ``count`` frames from ``first`` on.

        Raises:
            DatasetError: the video ends before.
        """
        wanted = itertools.islice(self._frames, first - self.next, first - self.next + count)
        kept, read = [], 0
        for read, frame in enumerate(wanted, start=1):
            if (read - 1) % stride == 0:
                kept.append(frame)
        self.next = first + count
        if read < count:
            raise DatasetError(f"{self.path} ends before frame {self.next}")
        return np.stack(kept)


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged or missing: {_first_line(error)}") from error


def _table(path: Path, names: Sequence[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=list(names), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged or missing: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _rows(path: Path, columns: Columns) -> Rows:
    """Columns of a file, (F,) or (F, n)."""
    names = ["episode_index", "timestamp", *columns.read]
    missing = [name for name in names if name not in _schema(path).names]
    if missing:
        raise DatasetError(f"{path} has no {', '.join(missing)}")
    table = _table(path, names)
    try:
        return {name: _array(table[name]) for name in names}
    except ValueError as error:  # rows of different size
        raise DatasetError(f"{path} is damaged: {error}") from error


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """(F,) numbers, or (F, n) of lists of them."""
    array = pa.concat_arrays(column.chunks)
    if not pa.types.is_nested(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), -1)


def _check_times(path: Path, steps: Rows, rate: int, row: dict[str, Any]) -> None:
    count, stamps = int(row["length"]), steps["timestamp"]
    if len(stamps) != count:
        raise DatasetError(
            f"{path} has {len(stamps)} rows of episode {row['episode_index']}, not {count}"
        )
    if np.abs(stamps - np.arange(count) / rate).max(initial=0) > _EARLY_S:
        raise DatasetError(
            f"{path}: the time stamps of episode {row['episode_index']} are not those of "
            f"{rate} frames a second"
        )


def _episode(
    row: dict[str, Any],
    columns: Columns,
    steps: Rows,
    images: dict[str, NDArray[np.uint8]],
    stride: int,
) -> Episode:
    proprio = _side_by_side(steps, columns.state)
    poses.check_poses(proprio)
    given = _given(steps, columns, proprio, stride)
    proprio = proprio[::stride]
    solved = bool(row.get("success", any(steps[name].any() for name in columns.success)))
    failed = bool(columns.success) and not solved
    action = steps[layout.ACTION].astype(np.float32)[:-1] if row.get("replays") else None
    return Episode(
        images=images,
        proprio=proprio,
        target=given["target"],
        executed=poses.difference(proprio[:-1], proprio[1:]).astype(np.float32),
        commanded=given["commanded"][: len(proprio) - 1],
        intended=given["intended"][: len(proprio) - 1],
        physics=np.zeros((len(proprio), 0)),
        stage=steps["stage"].astype(np.int8) if columns.ours else np.zeros(len(proprio), np.int8),
        seed=int(row.get("seed", row["episode_index"])),
        task=str(row["tasks"][0]) or "unnamed",
        policy=str(row.get("policy", "failed" if failed else "expert")),
        success=solved,
        branch_of=int(row.get("branch_of", -1)),
        branch_step=int(row.get("branch_step", -1)),
        action=action,
    )


def _side_by_side(steps: Rows, names: tuple[str, ...]) -> NDArray[np.float32]:
    """(T, 7) of one column or several."""
    parts = [steps[name].reshape(len(steps[name]), -1) for name in names]
    joined: NDArray[np.float32] = np.concatenate(parts, axis=1).astype(np.float32)
    return joined


def _given(
    steps: Rows, columns: Columns, proprio: NDArray[np.float32], stride: int
) -> dict[str, NDArray[np.float32]]:
    """Target, command and intention of each row; what leaves the last one is not read."""
    if columns.ours:
        return {name: steps[name].astype(np.float32) for name in layout.POSES}
    target = proprio
    if columns.command:
        asked = _side_by_side(steps, columns.command)
        target = np.concatenate([proprio[:1], asked[:-1]])
        poses.check_poses(target)
    target = target[::stride]
    commanded = poses.difference(target[:-1], target[1:]).astype(np.float32)
    return {"target": target, "commanded": commanded, "intended": commanded}
