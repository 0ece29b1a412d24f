"""The pictures of one stored episode: the scene drawn again, with what a viewer needs to know.

Goal picture in the corner; agent, step, stage and distance below; the planner's energy as a curve;
a border that turns green or red at the end; for a world model on request a strip of what it
imagines: for each step of its plan the most similar frame of the same episode (or goal picture).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import envs
from envs.errors import UserError
from envs.goals import GoalSequence, make_goals
from envs.spec import STAGES
from experiments.runs.arms import Arm
from experiments.runs.spec import RunSpec
from worldsim.imagination import Recording
from worldsim.states import relative_action

BORDER, LINE = 4, 16
GREEN, RED, GREY, WHITE, BLUE = (
    *((46, 160, 67), (200, 60, 50), (120, 120, 120)),
    *((255, 255, 255), (88, 166, 255)),
)
Image8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How episodes are drawn.

    Attributes:
        size: pixels per side of the scene.
        camera: left, right or wrist.
        imagined: add the strip of what a world model imagines.
    """

    size: int = 256
    camera: str = "left"
    imagined: bool = False


@dataclass(frozen=True)
class StoredEpisode:
    """One finished episode on disk.

    Attributes:
        arm: whose episode it is.
        row: the episode's.
    """

    arm: Arm
    row: dict[str, Any]

    @classmethod
    def all_of(cls, arm: Arm) -> list[StoredEpisode]:
        """Those of an arm whose states are still there."""
        found = [cls(arm, row) for row in arm.rows]
        return [episode for episode in found if episode.states.exists()]

    @property
    def spec(self) -> RunSpec:
        """What was run."""
        return self.arm.spec

    @property
    def states(self) -> Path:
        """File of simulator states and traces."""
        return self.arm.folder / "states" / f"{self.row['seed']}.npz"

    @property
    def outcome(self) -> str:
        """How it ended: "success" or "failure"."""
        return "success" if self.row["success"] else "failure"

    def load(self) -> dict[str, NDArray[Any]]:
        """``physics`` and traces.

        Raises:
            UserError: naming the file, when it is missing or damaged.
        """
        try:
            with np.load(self.states, allow_pickle=False) as file:
                found = {name.removeprefix("trace_"): file[name] for name in file.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.states} is missing or damaged: {error}") from error
        if found.get("physics", np.zeros(0)).ndim != 2:
            raise UserError(f"{self.states} is damaged: it holds no simulator states")
        return found

    def goals(self) -> GoalSequence | None:
        """The pictures the agent was given."""
        spec = self.spec
        options = {"cameras": spec.cameras, "image_size": spec.image_size}
        return make_goals(
            spec.task, self.row["seed"], spec.goal, variation=spec.variation, **options
        )


def draw(episode: StoredEpisode, look: Look) -> Iterator[Image8]:
    """Frames (size or more, size, 3) of an episode, one a control step."""
    stored, goals = episode.load(), episode.goals()
    env = _env(episode.spec.task, episode.spec.variation)
    env.reset(seed=episode.row["seed"])
    insets = None if goals is None else goals.images.get(look.camera)
    strips = _strips(episode, env, stored, goals, look) if look.imagined else None
    last = len(stored["physics"]) - 1
    for step, state in enumerate(stored["physics"]):
        picture = Image.fromarray(env.render_state(state, look.camera, look.size))
        if insets is not None:
            shown = int(_at(stored.get("agent_goal"), step, 0))
            _inset(picture, insets[min(shown, len(insets) - 1)], look.size)
        _caption(picture, episode, stored, step, look.size)
        _curve(picture, stored.get("agent_energy"), step, look.size)
        colour = GREY if step < last else GREEN if episode.row["success"] else RED
        frame = ImageDraw.Draw(picture)
        frame.rectangle((0, 0, look.size - 1, look.size - 1), outline=colour, width=BORDER)
        pixels = np.asarray(picture)
        if strips is not None:
            pixels = np.concatenate([pixels, strips[min(step, len(strips) - 1)]])
        yield pixels


@lru_cache(maxsize=4)
def _env(task: str, variation: str) -> Any:
    return envs.make(task, obs_mode="state", variation=variation).unwrapped


def _at(values: NDArray[Any] | None, step: int, default: float) -> float:
    """A trace at a step; the last state has no decision of its own."""
    if values is None or len(values) == 0:
        return default
    return float(values[min(step, len(values) - 1)])


def _inset(picture: Image.Image, goal: Image8, size: int) -> None:
    side = size // 4
    picture.paste(Image.fromarray(goal).resize((side, side)), (size - side - BORDER, BORDER))


def _caption(
    picture: Image.Image,
    episode: StoredEpisode,
    stored: dict[str, NDArray[Any]],
    step: int,
    size: int,
) -> None:
    """Two lines: who, and how far."""
    stage = STAGES[int(_at(stored.get("stage"), step, 0))]
    distance = 100 * _at(stored.get("distance_m"), step, episode.row["distance_m"])
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, size - 2 * LINE, size, size), fill=(0, 0, 0))
    pen.text((BORDER + 2, size - 2 * LINE), episode.arm.label, fill=WHITE)
    text = f"step {step}/{len(stored['physics']) - 1}  {stage}  {distance:.1f} cm"
    pen.text((BORDER + 2, size - LINE - 2), text, fill=WHITE)


def _curve(picture: Image.Image, energy: NDArray[Any] | None, step: int, size: int) -> None:
    """Energy of the chosen plans up to now, lower left."""
    if energy is None or len(energy) < 2:
        return
    left, bottom, width, height = BORDER + 4, size - 2 * LINE - 6, size // 3, size // 8
    span = max(1e-9, float(energy.max() - energy.min()))
    x = left + width * np.arange(len(energy)) / (len(energy) - 1)
    y = bottom - height * (energy - energy.min()) / span
    points = [(float(a), float(b)) for a, b in zip(x[: step + 1], y[: step + 1], strict=True)]
    pen = ImageDraw.Draw(picture)
    pen.text((left, bottom - height - 12), "energy", fill=WHITE)
    if len(points) > 1:
        pen.line(points, fill=BLUE, width=2)


@torch.inference_mode()
def _strips(
    episode: StoredEpisode,
    env: Any,
    stored: dict[str, NDArray[Any]],
    goals: GoalSequence | None,
    look: Look,
) -> list[Image8] | None:
    """A strip (size / 4, size, 3) for every decision; None for agents that imagine nothing."""
    if "agent_plan" not in stored or goals is None:
        return None
    from experiments.runs.runner import runner

    agent = runner(episode.spec).agent
    model, views = agent.model, [k.removeprefix("image_") for k in agent.observation_keys[:-2]]
    frames = {
        view: np.stack(
            [env.render_state(s, view, episode.spec.image_size) for s in stored["physics"]]
            + list(goals.images[view])
        )
        for view in views
    }
    library = model.encode(frames)  # (T + K, N, D)
    steps, scale = len(stored["physics"]), np.asarray(env.env_spec.action_scale)
    proprio, target = (stored[key].astype(np.float64) for key in ("proprio", "target"))
    relative = relative_action(target[:-1], stored["action"] * scale, proprio[:-1])
    recording = Recording(library[:steps], proprio, target, stored["action"], relative)
    strips = []
    for step, plan in enumerate(stored["agent_plan"]):
        context = recording.context(step, model.config.context_frames)
        imagined, _ = model.rollout(context, torch.as_tensor(plan, dtype=torch.float32)[None])
        distance = (imagined[0][:, None].float() - library[None].float()).abs().mean((-1, -2))
        nearest = frames[views[0]][distance.argmin(1).cpu().numpy()]  # (H, S, S, 3)
        strips.append(_strip(nearest, look.size))
    return strips


def _strip(pictures: Image8, size: int) -> Image8:
    side = size // 4
    strip = Image.new("RGB", (size, side))
    pen = ImageDraw.Draw(strip)
    for number, picture in enumerate(pictures[:4]):
        strip.paste(Image.fromarray(picture).resize((side, side)), (number * side, 0))
        pen.text((number * side + 4, 2), f"+{number + 1}", fill=WHITE)
    return np.asarray(strip)
