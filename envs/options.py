"""What a user chooses about an environment, checked."""

from __future__ import annotations

from dataclasses import dataclass

from envs.errors import UserError
from envs.objects import OBJECTS
from envs.spec import CAMERAS, OBS_MODES, RENDER_MODES, REWARDS, check_choice
from envs.tasks import get_task
from envs.variations import get_variation
from envs.vectors import VECTORS

IMAGE_SIZES = (16, 1024)
CONTROL_PERIODS_S = (0.032, 10.0)


@dataclass(frozen=True)
class EnvOptions:
    """Options of ``envs.make``.

    Attributes:
        task: one of ``envs.TASKS``.
        cameras: which of "left", "right", "wrist" to render.
        image_size: height and width of each frame, 16 to 1024 pixels.
        obs_mode: "pixels" (frames), "depth" (frames, and metres beside each), "segmentation"
            (frames, and ids of bodies beside each), "state" (GoalEnv vectors) or "all" (frames and
            vectors). ``proprio`` and ``target`` are always there; frames are rendered only when
            asked for.
        reward: "sparse" (0 at the goal, -1 elsewhere, a function of the goals alone) or "dense".
        control_period: seconds per action, 0.032 to 10.
        variation: name of one of ``envs.variations``.
        object: fix the object's kind instead of drawing it.
        vectors: further senses to observe, names in ``envs.vectors``.
        render_mode: "rgb_array", "human" or None.

    Raises:
        ValueError: for a value that is not allowed, naming what is.
    """

    task: str
    cameras: tuple[str, ...] = ("left",)
    image_size: int = 128
    obs_mode: str = "pixels"
    reward: str = "sparse"
    control_period: float = 0.25
    variation: str = "default"
    object: str | None = None
    vectors: tuple[str, ...] = ()
    render_mode: str | None = None

    def __post_init__(self) -> None:
        task = get_task(self.task)
        _check_names("camera", self.cameras, CAMERAS)
        _check_names("vector", self.vectors, tuple(VECTORS))
        check_choice("obs_mode", self.obs_mode, OBS_MODES)
        check_choice("reward", self.reward, REWARDS)
        get_variation(self.variation)
        if self.object is not None:
            if not task.objects:
                raise UserError(f"object {self.object!r} given: the task {self.task!r} has none")
            check_choice("object", self.object, tuple(OBJECTS))
        if self.render_mode is not None:
            check_choice("render_mode", self.render_mode, RENDER_MODES)
        if not isinstance(self.image_size, int):
            raise UserError(f"image_size {self.image_size!r} is not a whole number of pixels")
        _check_range("image_size", self.image_size, IMAGE_SIZES)
        _check_range("control_period", self.control_period, CONTROL_PERIODS_S)


def _check_names(what: str, given: object, allowed: tuple[str, ...]) -> None:
    """A tuple of different allowed names."""
    if not isinstance(given, tuple | list):
        raise UserError(f"{what}s must be a tuple of names, not {given!r}")
    for name in given:
        check_choice(what, name, allowed)
    if len(set(given)) < len(given):
        raise UserError(f"{what}s {', '.join(given)}: a name is given twice")


def _check_range(what: str, given: object, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high:
        raise UserError(f"{what} {given!r} is out of range: allowed are {low} to {high}")
