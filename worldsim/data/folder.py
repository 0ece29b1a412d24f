"""Data sets as plain folders, for tools that read neither HDF5 nor this package; and back.

    OUT/meta.json                      cameras, image_size, ...
    OUT/episode-000000/episode.json    seed, task, policy, success, branch_of, branch_step
    OUT/episode-000000/arrays.npz      proprio, target, executed, commanded, intended, physics,
                                       stage
    OUT/episode-000000/left/000.png    a lossless picture per frame and view
    OUT/episode-000000/left.mp4        to look at, when asked for; not read back

Data of one's own come in the same way. Then only the pictures, ``proprio``, ``target`` and
``commanded`` are needed: ``executed`` is computed from ``proprio``, ``intended`` is taken to be
``commanded``, and ``physics`` and ``stage`` to be unknown.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from worldsim import poses
from worldsim.data.dataset import TrajectoryDataset
from worldsim.data.episode import LABELS, STEPS, VECTORS, DatasetError, Episode
from worldsim.data.writer import TrajectoryWriter
from worldsim.errors import UserError
from worldsim.files import UNREADABLE, parse_json, whole_folder


def export_folder(
    data: TrajectoryDataset,
    out: Path | str,
    episodes: Sequence[int] | None = None,
    videos: bool = False,
) -> None:
    """Write episodes of a data set as a plain folder, which appears when it is whole.

    Args:
        data: the data set.
        out: a folder that does not exist.
        episodes: which; None is all.
        videos: add an mp4 per view, at the control rate.

    Raises:
        UserError: when the folder exists or cannot be written.
    """
    chosen = range(len(data)) if episodes is None else episodes
    with whole_folder(Path(out)) as folder:
        (folder / "meta.json").write_text(json.dumps(data.meta, indent=1) + "\n")
        for number, index in enumerate(tqdm(chosen, desc="export", unit="episode")):
            episode = data.episode(index)
            _export(episode, folder / f"episode-{number:06d}")
            if videos:
                rate = 1 / float(data.meta.get("control_period", 0.25))
                _film(episode, folder / f"episode-{number:06d}", rate)


def _export(episode: Episode, folder: Path) -> None:
    folder.mkdir()
    labels = {name: getattr(episode, name) for name in LABELS}
    (folder / "episode.json").write_text(json.dumps(labels, indent=1) + "\n")
    arrays = {name: getattr(episode, name) for name in (*VECTORS, *STEPS, "physics", "stage")}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    np.savez_compressed(folder / "arrays.npz", **arrays)
    for camera, frames in episode.images.items():
        (folder / camera).mkdir()
        for step, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / camera / f"{step:03d}.png")


def _film(episode: Episode, folder: Path, rate: float) -> None:
    import imageio.v2 as imageio

    for camera, frames in episode.images.items():
        with imageio.get_writer(folder / f"{camera}.mp4", fps=rate, macro_block_size=1) as film:
            for frame in frames:
                film.append_data(frame)  # type: ignore[attr-defined]


def import_folder(source: Path | str, out: Path | str) -> None:
    """Make a data set of a plain folder; an interrupted import goes on where it stopped.

    Raises:
        DatasetError: when something is missing or makes no sense, naming the file.
    """
    source = Path(source)
    try:
        meta = parse_json((source / "meta.json").read_text())
        meta.pop("format", None)
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{source} has no readable meta.json: {error}") from error
    folders = sorted(source.glob("episode-*"))
    if not folders:
        raise DatasetError(f"{source} has no folders episode-000000, episode-000001, ...")
    with TrajectoryWriter(out, meta) as writer:
        done = writer.seeds()
        bar = tqdm(folders, desc="import", unit="episode")
        for seed, group in itertools.groupby(_read(bar), key=lambda pair: pair[0]):
            if seed not in done:
                writer.append_group([_import(f, meta["cameras"]) for _, f in group])


def _read(folders: Iterable[Path]) -> Iterator[tuple[int, Path]]:
    """Seed and folder of each episode."""
    for folder in folders:
        try:
            yield int(parse_json((folder / "episode.json").read_text())["seed"]), folder
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{folder / 'episode.json'} is not readable: {error}") from error


def _import(folder: Path, cameras: Sequence[str]) -> Episode:
    try:
        fields: dict[str, Any] = parse_json((folder / "episode.json").read_text())
        with np.load(folder / "arrays.npz", allow_pickle=False) as file:
            fields |= _complete(dict(file))
        images = {camera: _pictures(folder / camera) for camera in cameras}
        return Episode(images=images, **fields)
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise DatasetError(f"{folder} is no episode: {error}") from error


def _complete(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What data of one's own may leave out."""
    proprio = arrays["proprio"]
    executed = poses.difference(proprio[:-1], proprio[1:]).astype(np.float32)
    known: dict[str, NDArray[Any]] = {
        "executed": executed,
        "intended": arrays["commanded"],
        "physics": np.zeros((len(proprio), 0)),
        "stage": np.zeros(len(proprio), np.int8),
    }
    return known | arrays


def _pictures(folder: Path) -> NDArray[np.uint8]:
    """(T, H, W, 3) of a folder of pictures, in the order of their names."""
    files = sorted(folder.glob("*.png"))
    if not files:
        raise UserError(f"no pictures in {folder}")
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
