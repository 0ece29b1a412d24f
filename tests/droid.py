"""A set in the layout of DROID as LeRobot publishes it, made of our own simulator's episodes.

    worldsim collect --preset default --seeds 100 --cameras left wrist --out data/default
    python -m tests.droid data/default droid

``lerobot/droid_1.0.1`` is terabytes of video. This has its columns, types, rate and kind of video
(lerobot's ``examples/port_datasets/port_droid.py`` and ``encode_video_frames``), and none of its
variety. Whole episodes of a data set are simulated again between their stored states, seen 15 times
a second. Poses and joints are our robot's; velocities, extrinsics and reward are zero, words empty.
The sides of the wide pictures are white: an import that cuts wrongly shows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

import envs
from envs.controller import RAMP_SHARE
from experiments.report.studio import between
from worldsim import poses
from worldsim.data import Episode, TrajectoryDataset
from worldsim.data.lerobot import layout

RATE, HEIGHT, WIDTH = 15, 180, 320
CAMERAS = {"wrist_left": "wrist", "exterior_1_left": "left", "exterior_2_left": "right"}
JOINTS = [f"joint_{number}" for number in range(7)]
POSE, GRIPPER = list(layout.AXES[:6]), ["gripper"]

VECTORS: dict[str, list[str] | None] = {
    "observation.state.gripper_position": GRIPPER,
    "observation.state.cartesian_position": POSE,
    "observation.state.joint_position": JOINTS,
    "observation.state": JOINTS + GRIPPER,
    "action.gripper_position": GRIPPER,
    "action.gripper_velocity": GRIPPER,
    "action.cartesian_position": POSE,
    "action.cartesian_velocity": POSE,
    "action.joint_position": JOINTS,
    "action.joint_velocity": JOINTS,
    "action.original": POSE + GRIPPER,
    "action": JOINTS + GRIPPER,
    **{f"camera_extrinsics.{camera}": POSE for camera in CAMERAS},
    "discount": None,
    "reward": None,
    "timestamp": None,
}
FLAGS = ("is_first", "is_last", "is_terminal", "is_episode_successful")
WORDS = (
    *("language_instruction", "language_instruction_2", "language_instruction_3"),
    *("task_category", "building", "collector_id", "date"),
)
INDICES = ("frame_index", "episode_index", "index", "task_index")
INSTRUCTIONS = {
    "reach": "Move the gripper forwards",
    "grasp": "Pick up the object",
    "pick-place": "Put the object on the platform",
}

# A control step of 0.25 s holds 3.75 of DROID's frames: every fourth of fifteen moments is one.
_MOMENTS, _KEPT = 15, 4

Rows = dict[str, NDArray[Any]]


def write_droid(
    data: TrajectoryDataset, out: Path, episodes: Sequence[int], files: int = 1
) -> None:
    """Write whole episodes of a data set, in so many files of each kind."""
    tasks = sorted({INSTRUCTIONS[str(data.column("task")[index])] for index in episodes})
    kept: list[dict[str, Any]] = []
    bar = tqdm(total=len(episodes), desc="droid", unit="episode")
    for file, group in enumerate(np.array_split(np.asarray(episodes), files)):
        films = {camera: _film(out, camera, file) for camera in CAMERAS}
        tables: list[pa.Table] = []
        for episode in (data.episode(int(index)) for index in group):
            first = sum(table.num_rows for table in tables)
            rows = _rows(episode, films)
            before = kept[-1]["dataset_to_index"] if kept else 0
            kept.append(_place(len(kept), INSTRUCTIONS[episode.task], rows, file, first, before))
            tables.append(_table(rows, kept[-1], tasks, episode.success))
            bar.update()
        for film in films.values():
            film.close()
        _write(out / layout.DATA.format(chunk_index=0, file_index=file), pa.concat_tables(tables))
    _write(out / layout.EPISODES.format(chunk_index=0, file_index=0), pa.Table.from_pylist(kept))
    pd.DataFrame({"task_index": range(len(tasks))}, index=tasks).to_parquet(out / layout.TASKS)
    (out / layout.INFO).write_text(json.dumps(_info(kept, tasks), indent=4))


def _rows(episode: Episode, films: dict[str, Any]) -> Rows:
    """Poses and joints of an episode, seen 15 times a second; its pictures go into the films."""
    env = envs.make(episode.task, cameras=(), obs_mode="state").unwrapped
    env.reset(seed=episode.seed)
    control, found = env.scene.controller, []
    for _ in _frames(env, episode):
        data = env.scene.data
        joints, asked = data.qpos[control.arm_qpos], data.ctrl[control.arm_ctrl]
        found.append([control.proprio(data), joints.copy(), asked.copy()])
        for camera, film in films.items():
            picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
            edge = (WIDTH - HEIGHT) // 2
            picture[:, edge : edge + HEIGHT] = env.picture(CAMERAS[camera], HEIGHT)
            film.send(picture)
    pose, joints, driven = (np.stack(part).astype(np.float32) for part in zip(*found, strict=True))
    asked = _asked(episode, 1 + np.arange(len(pose)))
    closed, closing = pose[:, 6:], asked[:, 6:]
    return {
        "observation.state.cartesian_position": pose[:, :6],
        "observation.state.gripper_position": closed,
        "observation.state.joint_position": joints,
        "observation.state": np.concatenate([joints, closed], 1),
        "action.cartesian_position": asked[:, :6],
        "action.gripper_position": closing,
        "action.joint_position": driven,
        "action": np.concatenate([driven, closing], 1),
        "timestamp": np.arange(len(pose), dtype=np.float32)[:, None] / np.float32(RATE),
    }


def _frames(env: Any, episode: Episode) -> Iterator[None]:
    """The environment at each frame of an episode."""
    with env.showing(episode.physics[0]):
        yield
    moment = 0
    for before, after in pairwise(episode.physics):
        for _ in between(env, before, after, _MOMENTS):
            moment += 1
            if moment % _KEPT == 0:
                yield


def _asked(episode: Episode, frames: NDArray[np.int64]) -> NDArray[np.float32]:
    """(F, 7) the poses that are commanded at frames: the controller goes from target to target."""
    times = np.minimum(frames * _KEPT / _MOMENTS, len(episode) - 1)
    step = np.minimum(times.astype(int), len(episode) - 2)
    share = np.minimum(1.0, (times - step) / RAMP_SHARE)[:, None]
    way = poses.difference(episode.target[step], episode.target[step + 1])
    return poses.compose(episode.target[step], share * way).astype(np.float32)


def _place(
    number: int, task: str, rows: Rows, file: int, first: int, before: int
) -> dict[str, Any]:
    """A row of ``meta/episodes``."""
    count, place = len(rows["timestamp"]), {"chunk_index": 0, "file_index": file}
    row = {"episode_index": number, "tasks": [task], "length": count}
    row |= {"dataset_from_index": before, "dataset_to_index": before + count}
    row |= {f"data/{name}": value for name, value in place.items()}
    for camera in CAMERAS:
        times = {"from_timestamp": first / RATE, "to_timestamp": (first + count) / RATE}
        named = (place | times).items()
        row |= {f"videos/{layout.PICTURES}{camera}/{name}": value for name, value in named}
    return row


def _table(rows: Rows, place: dict[str, Any], tasks: list[str], success: bool) -> pa.Table:
    """The columns of an episode that are no pictures."""
    count = place["length"]
    frame, last = np.arange(count), np.arange(count) == count - 1
    columns: dict[str, Any] = {}
    for name, axes in VECTORS.items():
        width = len(axes or "1")
        flat = pa.array(rows.get(name, np.zeros((count, width), np.float32)).ravel())
        columns[name] = flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
    columns |= dict(zip(FLAGS, (frame == 0, last, last, np.full(count, success)), strict=True))
    columns |= {name: [""] * count for name in WORDS}
    columns["language_instruction"] = place["tasks"] * count
    columns |= {"frame_index": frame, "index": place["dataset_from_index"] + frame}
    columns["episode_index"] = np.full(count, place["episode_index"])
    columns["task_index"] = np.full(count, tasks.index(place["tasks"][0]))
    return pa.table(columns)


def _film(out: Path, camera: str, file: int) -> Any:
    """A video as lerobot encodes them."""
    key = layout.PICTURES + camera
    path = out / layout.VIDEO.format(video_key=key, chunk_index=0, file_index=file)
    path.parent.mkdir(parents=True, exist_ok=True)
    film = imageio_ffmpeg.write_frames(
        str(path),
        (WIDTH, HEIGHT),
        fps=RATE,
        codec="libsvtav1",
        pix_fmt_out="yuv420p",
        quality=None,
        macro_block_size=1,
        output_params=["-crf", "30", "-g", "2", "-svtav1-params", "lp=1"],
    )
    film.send(None)
    return film


def _info(kept: list[dict[str, Any]], tasks: list[str]) -> dict[str, Any]:
    """``meta/info.json``."""
    picture = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3]}
    picture["names"] = ["height", "width", "channels"]
    features = {
        name: {
            "dtype": "float32",
            "shape": [len(axes or "1")],
            "names": {"axes": axes} if axes else None,
        }
        for name, axes in VECTORS.items()
    }
    for kind, names in (("bool", FLAGS), ("string", WORDS), ("int64", INDICES)):
        features |= {name: {"dtype": kind, "shape": [1], "names": None} for name in names}
    features |= {layout.PICTURES + camera: picture for camera in CAMERAS}
    return {
        "codebase_version": layout.VERSION,
        "robot_type": "Franka",
        "total_episodes": len(kept),
        "total_frames": kept[-1]["dataset_to_index"],
        "total_tasks": len(tasks),
        "chunks_size": layout.FILES_PER_CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 500,
        "fps": RATE,
        "splits": {"train": f"0:{len(kept)}"},
        "data_path": layout.DATA,
        "video_path": layout.VIDEO,
        "features": features,
    }


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def main(source: str, out: str) -> None:
    """All whole episodes of a data set, in two files of each kind."""
    data = TrajectoryDataset(source)
    write_droid(data, Path(out), np.flatnonzero(data.column("branch_of") < 0), files=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
