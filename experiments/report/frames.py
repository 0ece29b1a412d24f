"""The pictures of one stored episode, to be watched: the scene, and beside it what explains it.

The scene is drawn again from stored states, with the simulation run again between them. Beside it
stand the goal picture, the distance left, the planner's energy, on request what the agent's own
cameras see and what a world model imagines; below it who acts and how far it got. A border turns
green or red at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import envs
from envs.errors import UserError
from envs.goals import GoalSequence
from envs.sim_env import SimEnv
from envs.spec import check_choice
from envs.task import STAGES
from experiments.report.episodes import StoredEpisode
from experiments.report.imagined import Imagined, imagined
from experiments.report.panel import AMBER, DIM, Curve, Pictures, caption, panel
from experiments.report.studio import Studio, between
from experiments.runs.summaries import REASONS

Image8 = NDArray[np.uint8]

FPS = 20
BORDER = 4
GREEN, RED, GREY = (46, 160, 67), (200, 60, 50), (90, 98, 110)
SIZES = range(64, 2049)


@dataclass(frozen=True)
class Look:
    """How episodes are drawn.

    Attributes:
        size: pixels per side of the scene.
        camera: studio (holds arm, object and goal), or one of the task's: left, right, wrist. In
            other people's environments there is no studio: it stands for the run's first camera.
        beside: explain the scene in a panel beside it.
        cameras: show in the panel what the agent's own cameras see.
        imagined: show in the panel what a world model imagines.

    Raises:
        UserError: for a size that there is not.
    """

    size: int = 512
    camera: str = "studio"
    beside: bool = True
    cameras: bool = False
    imagined: bool = False

    def __post_init__(self) -> None:
        if self.size not in SIZES or self.size % 2:
            raise UserError(
                f"size {self.size}: even numbers from {SIZES[0]} to {SIZES[-1]} pixels are allowed"
            )

    def check(self, task: str) -> None:
        """Whether a task can be looked at so.

        Raises:
            UserError: it has no such camera.
        """
        check_choice("camera", self.camera, ("studio", *envs.find_task(task).cameras))


def draw(episode: StoredEpisode, look: Look) -> Iterator[Image8]:
    """Frames (height, width, 3) of an episode, ``FPS`` a second of it.

    Raises:
        UserError: when its stored states are damaged.
    """
    stored, env = episode.load(), episode.env()
    physics = stored["physics"]
    still = _Beside(episode, env, stored, look)
    shots = max(1, round(FPS * env.env_spec.control_period))
    scene = _scenes(episode, env, physics, look)
    yield still.frame(next(scene), 0)
    for step in range(1, len(physics)):
        for shot in range(shots):
            yield still.frame(next(scene), step if shot + 1 == shots else step - 1)


def _scenes(
    episode: StoredEpisode, env: Any, physics: NDArray[np.float64], look: Look
) -> Iterator[Image8]:
    """The scene (size, size, 3) at the first state, then several times on the way to each next."""
    shots = max(1, round(FPS * env.env_spec.control_period))
    if episode.spec.task not in envs.TASKS:  # nobody knows how others move between their states
        yield from _held(episode, env, physics, look, shots)
        return
    studio = Studio(env, physics, look.size) if look.camera == "studio" else None

    def picture() -> Image8:
        return studio.picture() if studio else env.picture(look.camera, look.size)

    with env.showing(physics[0]):
        yield picture()
    for before, after in pairwise(physics):
        for _ in between(env, before, after, shots):
            yield picture()


def _held(
    episode: StoredEpisode, env: SimEnv, physics: NDArray[np.float64], look: Look, shots: int
) -> Iterator[Image8]:
    """Each state's picture, for as long as a control step lasts."""
    camera = episode.spec.cameras[0] if look.camera == "studio" else look.camera
    for step, state in enumerate(physics):
        picture = env.picture(camera, look.size, state)
        for _ in range(shots if step else 1):
            yield picture


class _Beside:
    """Everything of a frame but the scene; it changes with the control step alone."""

    def __init__(
        self, episode: StoredEpisode, env: Any, stored: dict[str, NDArray[Any]], look: Look
    ) -> None:
        self._episode, self._env, self._stored, self._look = episode, env, stored, look
        self._last = len(stored["physics"]) - 1
        wanted = look.beside
        self._goals: GoalSequence | None = episode.goals() if wanted else None
        self._imagined = Imagined([], [])
        if look.imagined and wanted and self._goals is not None:
            self._imagined = imagined(episode, env, stored, self._goals)
        self._step, self._canvas = -1, Image.new("RGB", (2, 2))

    def frame(self, scene: Image8, step: int) -> Image8:
        """The whole picture at a control step."""
        if step != self._step:
            self._step, self._canvas = step, self._laid_out(step)
        picture = Image.fromarray(scene)
        size = self._look.size
        ImageDraw.Draw(picture).rectangle(
            (0, 0, size - 1, size - 1), outline=self._colour(step), width=BORDER
        )
        canvas = self._canvas.copy()
        canvas.paste(picture)
        return np.asarray(canvas)

    def _colour(self, step: int) -> tuple[int, int, int]:
        if step < self._last:
            return GREY
        return GREEN if self._episode.row["success"] else RED

    def _laid_out(self, step: int) -> Image.Image:
        """The picture without its scene: the caption below it, the panel on the right."""
        size = self._look.size
        height = size + max(24, size // 10 // 2 * 2)
        bar = caption(size, height - size, *self._words(step), self._said(step))
        side = panel(self._sections(step), size // 4 * 2, height) if self._look.beside else None
        canvas = Image.new("RGB", (size + (side.width if side else 0), height))
        canvas.paste(bar, (0, size))
        if side:
            canvas.paste(side, (size, 0))
        return canvas

    def _said(self, step: int) -> tuple[int, int, int]:
        """The colour of the caption's second line."""
        return DIM if step < self._last else self._colour(step)

    def _words(self, step: int) -> tuple[str, str]:
        """Who acts on what, and how far it has come."""
        row, arm = self._episode.row, self._episode.arm
        far = _at(self._stored.get("distance_m"), step, np.nan)
        distance = "" if np.isnan(far) else f"{100 * far:.1f} cm"
        what = f"step {step} of {self._last}   stage: {_stage(self._stored, step)}"
        what += distance and f"   {distance} to the goal"
        if step == self._last:
            why = REASONS.get(row["failure"], row["failure"]).partition(":")[0]
            what = "solved" if row["success"] else f"failed: {why}"
            what += f" at step {step}" + (distance and f", {distance} from the goal")
        return f"{arm.spec.task} ({arm.conditions}), start {row['seed']}: {arm.label}", what

    def _sections(self, step: int) -> list[Pictures | Curve]:
        """What the panel shows, from top to bottom."""
        found: list[Pictures | Curve] = []
        views = self._episode.spec.cameras[:2]
        if self._goals is not None:
            last = len(self._goals) - 1  # which an agent that follows no pictures works towards
            shown = min(int(_at(self._stored.get("agent_goal"), step, last)), last)
            number = f" {shown + 1} of {len(self._goals)}" if len(self._goals) > 1 else ""
            images = [self._goals.images[view][shown] for view in views]
            found.append(Pictures(f"goal picture{number}", images, views))
        if self._look.cameras:
            state, size = self._stored["physics"][step], self._episode.spec.image_size
            images = [self._env.picture(view, size, state) for view in views]
            found.append(Pictures("what its cameras see", images, views))
        for name, heading, scale, colour in (
            ("distance_m", "distance to the goal: {:.1f} cm", 100.0, AMBER),
            ("agent_energy", "energy of its plan: {:.3g}", 1.0, None),
        ):
            values = self._stored.get(name)
            if values is not None and len(values) and np.isfinite(values).any():
                curve = scale * np.asarray(values, dtype=np.float64)
                extra = {} if colour is None else {"colour": colour}
                heading = heading.format(_at(curve, step, 0.0))
                found.append(Curve(heading, curve, step, **extra))
        if aims := self._imagined.aims:
            aim = aims[min(step, len(aims) - 1)]
            found.append(Pictures("sub-goal (nearest real picture)", [aim], views[:1]))
        if plans := self._imagined.plans:
            future = plans[min(step, len(plans) - 1)][:4]
            names = [f"+{ahead + 1}" for ahead in range(len(future))]
            found.append(Pictures("imagined (nearest real pictures)", list(future), names))
        return found


def _stage(stored: dict[str, NDArray[Any]], step: int) -> str:
    """The furthest stage up to a state; older files have its place in ``STAGES``."""
    stages = stored.get("stage", np.array([STAGES[0]]))
    stage = stages[min(step, len(stages) - 1)]
    return str(stage) if isinstance(stage, str) else STAGES[int(stage)]


def _at(values: NDArray[Any] | None, step: int, default: float) -> float:
    """A trace at a step; the last state has no decision of its own."""
    if values is None or len(values) == 0:
        return default
    return float(values[min(step, len(values) - 1)])
