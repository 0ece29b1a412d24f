"""Videos drawn after the fact from stored simulator states.

Options and help: ``experiments.options.render``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from envs.errors import UserError
from experiments.options.render import RenderConfig
from experiments.report.episodes import StoredEpisode
from experiments.report.frames import FPS, Image8, Look, draw
from experiments.runs.arms import Arm, groups, load_arms, usual
from experiments.runs.choices import output_folder
from experiments.runs.executors import Executor
from experiments.runs.seeds import parse_seeds
from experiments.runs.store import read_json
from worldsim.files import replacing, write_atomically

GRID = 9
SMALL = 320
"""Pixels per side of a scene of which a page may have a thousand."""

LAYOUTS = ("single", "side-by-side", "grid")


def main(config: RenderConfig) -> None:
    """Draw all episodes that pass the filters.

    Raises:
        UserError: when none does, or a task has no such camera.
    """
    seeds = None if config.seeds is None else set(parse_seeds(config.seeds))
    arms = load_arms(Path(config.folder))
    stored = [episode for arm in arms for episode in StoredEpisode.all_of(arm)]
    if not stored:
        raise UserError(f"{config.folder} keeps no simulator states to draw from (states/*.npz)")
    chosen = [
        episode
        for episode in stored
        if config.task in (None, episode.spec.task)
        and config.agent in (None, episode.spec.agent)
        and config.outcome in (None, episode.outcome)
        and (seeds is None or episode.row["seed"] in seeds)
    ]
    if not chosen:
        raise UserError(f"{config.folder}: no stored episode passes these filters")
    default = f"{config.folder}/videos"
    out = output_folder(default if config.out is None else config.out)
    beside = config.beside and config.layout == "single"
    look = Look(config.size, config.camera, beside, config.cameras, config.imagined)
    for task in {episode.spec.task for episode in chosen}:
        look.check(task)
    for group in tqdm(list(_layout(chosen, config.layout)), desc="render", unit="video"):
        render(group, out, look, config.layout, config.gif)
    print(out)


def _layout(episodes: list[StoredEpisode], layout: str) -> Iterator[list[StoredEpisode]]:
    """Episodes that share a video."""
    if layout == "single":
        yield from ([episode] for episode in episodes)
        return
    shared: dict[tuple[str, ...], list[StoredEpisode]] = {}
    for episode in episodes:
        by = str(episode.row["seed"]) if layout == "side-by-side" else episode.arm.label
        shared.setdefault((episode.spec.task, episode.arm.conditions, by), []).append(episode)
    yield from (group if layout == "side-by-side" else group[:GRID] for group in shared.values())


def render_chosen(arms: list[Arm], out: Path, executor: Executor) -> None:
    """The videos of the page.

    In the usual scene all runs on the starts that tell most, and a failure of every run that has
    one; in others, of which there may be many, a success and a failure of every run, smaller.
    """
    chosen: list[tuple[StoredEpisode, Look]] = []
    for group in groups(usual(arms)):
        seeds = telling_seeds(group)
        for stored in map(StoredEpisode.all_of, group):
            mine = [episode for episode in stored if episode.row["seed"] in seeds]
            if all(episode.row["success"] for episode in mine):
                mine += [episode for episode in stored if not episode.row["success"]][:1]
            chosen += [(episode, Look(imagined=True)) for episode in mine]
    for arm in arms:
        if arm.spec.variation != usual(arms)[0].spec.variation:
            ends = {episode.outcome: episode for episode in reversed(StoredEpisode.all_of(arm))}
            chosen += [(episode, Look(size=SMALL)) for episode in ends.values()]
    shots = [_Shot(episode, out, look) for episode, look in chosen]
    list(tqdm(executor.run(_draw, shots), "videos", len(shots), unit="video"))
    for shot in shots:  # what a worker that died did not draw
        _draw(shot)


@dataclass(frozen=True)
class _Shot:
    """A video to draw: of an episode, into a folder, with a look."""

    episode: StoredEpisode
    out: Path
    look: Look


def _draw(shot: _Shot) -> None:
    render([shot.episode], shot.out, shot.look)


def telling_seeds(arms: list[Arm], count: int = 2) -> list[int]:
    """Starts on which the runs of a task differ most."""
    solved: dict[int, list[bool]] = {}
    for arm in arms:
        for row in arm.rows:
            solved.setdefault(row["seed"], []).append(row["success"])
    spread = {seed: abs(float(np.mean(outcomes)) - 0.5) for seed, outcomes in solved.items()}
    return sorted(spread, key=lambda seed: (spread[seed], seed))[:count]


def render(
    episodes: Sequence[StoredEpisode],
    out: Path,
    look: Look,
    layout: str = "single",
    gif: bool = False,
) -> Path:
    """Draw one video, unless it is there already; returns the file."""
    path = out / (_name(episodes, look, layout) + ".mp4")
    note = _note(episodes, look, layout)
    if not _is_there(path, note) or (gif and not path.with_suffix(".gif").exists()):
        out.mkdir(parents=True, exist_ok=True)
        frames: Iterable[Image8] = tile([draw(episode, look) for episode in episodes])
        if gif:
            frames = list(frames)
            pictures: list[ArrayLike] = [*frames]
            imageio.mimwrite(path.with_suffix(".gif"), pictures, duration=1000 / FPS, loop=0)
        write_video(path, frames)
        write_atomically(path.with_suffix(".json"), json.dumps(note) + "\n")
    return path


def _note(episodes: Sequence[StoredEpisode], look: Look, layout: str) -> dict[str, Any]:
    """What a video shows. Two videos with equal notes are the same."""
    first = episodes[0]
    return {
        "task": first.spec.task,
        "conditions": first.arm.conditions,
        "agent": "all" if layout == "side-by-side" else first.arm.label,
        "seed": first.row["seed"],
        "outcome": first.outcome if layout == "single" else layout,
        "runs": [[episode.arm.folder.name, episode.spec.key] for episode in episodes],
        "look": asdict(look),
    }


def _is_there(path: Path, note: dict[str, Any]) -> bool:
    """Whether this very video was drawn before: a name may have been another arm's then."""
    beside = path.with_suffix(".json")
    return path.exists() and beside.exists() and read_json(beside) == note


def _name(episodes: Sequence[StoredEpisode], look: Look, layout: str) -> str:
    """``task_conditions_agent_seed_outcome_camera``; the usual conditions and camera go unsaid."""
    first = episodes[0]
    who, seed, what = first.arm.label, str(first.row["seed"]), first.outcome
    if layout != "single":
        who, seed = ("all", seed) if layout == "side-by-side" else (who, "all")
        what = layout
    usual = (first.arm.conditions == "subgoals", look.camera == Look.camera)
    parts = (
        *(first.spec.task, *(() if usual[0] else (first.arm.conditions,)), who, seed, what),
        *(() if usual[1] else (look.camera,)),
    )
    return "_".join(re.sub(r"[^A-Za-z0-9.=+-]+", "-", part).strip("-") for part in parts)


def tile(clips: Sequence[Iterable[Image8]]) -> Iterator[Image8]:
    """Clips beside and above each other; one that ends stays on its last picture."""
    columns = int(np.ceil(np.sqrt(len(clips)))) if len(clips) > 3 else len(clips)
    last: list[Image8] = []
    for pictures in zip_longest(*clips):
        last = [new if new is not None else old for new, old in zip_longest(pictures, last)]
        height = max(picture.shape[0] for picture in last)
        padded = [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0))) for p in last]
        padded += [np.zeros_like(padded[0])] * (-len(padded) % columns)
        rows = [padded[i : i + columns] for i in range(0, len(padded), columns)]
        yield np.concatenate([np.concatenate(row, axis=1) for row in rows])


def write_video(path: Path, frames: Iterable[Image8]) -> None:
    """H.264 in yuv420p, which every browser plays; the last frame stays for a second."""
    with replacing(path, ".mp4") as temporary, _h264(temporary) as writer:
        frame: Image8 | None = None
        for frame in frames:
            writer.append_data(frame)
        if frame is None:
            raise UserError(f"{path}: a video needs at least one frame")
        for _ in range(FPS):
            writer.append_data(frame)


def _h264(path: Path) -> Any:
    """Imageio's writer of frames, whose type says nothing of them."""
    return imageio.get_writer(
        path,
        fps=FPS,
        codec="libx264",
        quality=None,  # by -crf instead
        pixelformat="yuv420p",
        macro_block_size=2,
        output_params=["-preset", "veryfast", "-crf", "28"],
    )
