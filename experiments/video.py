"""Videos drawn after the fact from stored simulator states, at any size.

    worldsim render runs/compare --out runs/compare/videos --size 256

Each frame shows the scene, the goal picture in the corner, step and distance, and a border that
turns green at success. Files are named ``task_agent_seed_outcome.mp4``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm
from tyro.conf import Positional

import envs
from envs.goals import make_goals
from experiments.store import RunSpec, RunStore

FPS = 4
BORDER = 4
GREEN, RED, GREY = (46, 160, 67), (200, 60, 50), (120, 120, 120)
Image8 = NDArray[np.uint8]


@dataclass(frozen=True)
class RenderConfig:
    """Options of ``worldsim render``.

    Attributes:
        folder: a comparison's or a single run's folder.
        out: where the videos go; default: videos/ in the folder.
        task, agent, outcome: only these (outcome: success or failure).
        seeds: only these seeds, as a comma list.
        size: pixels per side.
        camera: left, right or wrist.
        gif: write GIFs beside the MP4s.
    """

    folder: Positional[str]
    out: str | None = None
    task: str | None = None
    agent: str | None = None
    outcome: str | None = None
    seeds: str | None = None
    size: int = 256
    camera: str = "left"
    gif: bool = False


def main(config: RenderConfig) -> None:
    """Draw all episodes that pass the filters."""
    if config.outcome not in (None, "success", "failure"):
        raise ValueError(f"unknown outcome {config.outcome!r}: allowed are success, failure")
    root = Path(config.folder)
    specs = sorted(root.glob("**/spec.json"))
    if not specs:
        raise ValueError(f"{root} holds no runs: give the folder of an evaluation or comparison")
    wanted = None if config.seeds is None else {int(s) for s in config.seeds.split(",")}
    jobs = []
    for path in specs:
        store = open_store(path.parent)
        if config.task not in (None, store.spec.task) or config.agent not in (
            None,
            store.spec.agent,
        ):
            continue
        for row in store.rows():
            outcome = "success" if row["success"] else "failure"
            if (wanted is None or row["seed"] in wanted) and config.outcome in (None, outcome):
                jobs.append((store, row))
    out = Path(config.out) if config.out else root / "videos"
    for store, row in tqdm(jobs, desc="render"):
        render_episode(store, row, out, config.size, config.camera, config.gif)


def open_store(folder: Path) -> RunStore:
    """The store of a finished run."""
    raw = json.loads((folder / "spec.json").read_text())
    raw.pop("schema_version")
    raw.pop("key")
    return RunStore(folder, RunSpec(**raw | {"cameras": tuple(raw["cameras"])}))


def render_arms(arms: list[tuple[RunStore, list[dict[str, Any]]]], out: Path) -> None:
    """One success and one failure of every run, where there are any."""
    chosen = []
    for store, rows in arms:
        for success in (True, False):
            row = next((r for r in rows if r["success"] is success), None)
            if row is not None and row["failure"] != "goal_failed":
                chosen.append((store, row))
    for store, row in tqdm(chosen, desc="videos"):
        render_episode(store, row, out)


def render_episode(
    store: RunStore,
    row: dict[str, Any],
    out: Path,
    size: int = 256,
    camera: str = "left",
    gif: bool = False,
) -> Path:
    """Draw one stored episode; returns the file."""
    outcome = "success" if row["success"] else "failure"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{row['task']}_{row['agent']}_{row['seed']}_{outcome}.mp4"
    if not path.exists():
        frames = list(episode_frames(store, row, size, camera))
        write_video(path, frames)
        if gif:
            imageio.mimwrite(path.with_suffix(".gif"), frames, duration=1000 / FPS, loop=0)
    return path


def write_video(path: Path, frames: list[Image8]) -> None:
    """H.264 in yuv420p, which every browser plays; the last frame stays for a second."""
    temporary = path.with_suffix(".tmp.mp4")
    with imageio.get_writer(
        temporary, fps=FPS, codec="libx264", pixelformat="yuv420p", macro_block_size=2
    ) as writer:
        for frame in [*frames, *frames[-1:] * FPS]:
            writer.append_data(frame)
    temporary.replace(path)


def episode_frames(
    store: RunStore, row: dict[str, Any], size: int, camera: str
) -> Iterator[Image8]:
    """(size, size, 3) frames with overlays."""
    spec = store.spec
    with np.load(store.folder / "states" / f"{row['seed']}.npz") as file:
        physics, distance = file["physics"], file["trace_distance_m"]
        goal_index = file["trace_goal"] if "trace_goal" in file.files else np.zeros(len(physics))
    env: Any = envs.make(spec.task, obs_mode="state", variation=spec.variation).unwrapped
    env.reset(seed=row["seed"])
    goals = make_goals(
        spec.task,
        row["seed"],
        spec.goal,
        cameras=spec.cameras,
        image_size=spec.image_size,
        variation=spec.variation,
    )
    pictures = None if goals is None else goals.images.get(camera)
    last = len(physics) - 1
    for step, state in enumerate(physics):
        image = Image.fromarray(env.render_state(state, camera, size))
        if pictures is not None:
            shown = int(goal_index[min(step, len(goal_index) - 1)]) if len(goal_index) else 0
            inset = Image.fromarray(pictures[min(shown, len(pictures) - 1)])
            image.paste(inset.resize((size // 4, size // 4)), (size - size // 4 - BORDER, BORDER))
        text = f"{spec.agent}  step {step}/{last}  {100 * distance[step]:.1f} cm"
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, size - 16, size, size), fill=(0, 0, 0))
        draw.text((BORDER + 2, size - 14), text, fill=(255, 255, 255))
        colour = GREY if step < last else GREEN if row["success"] else RED
        draw.rectangle((0, 0, size - 1, size - 1), outline=colour, width=BORDER)
        yield np.asarray(image)
