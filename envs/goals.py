"""Goal pictures and sub-goal sequences, made by running the expert on the same start.

Three protocols: ``subgoals`` (V-JEPA 2's: one picture for reach and grasp, three for
pick-and-place), ``dense`` (every stage the expert passes) and ``final`` (one picture). Goals are
pictures only: no coordinates are handed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import mujoco
import numpy as np
from numpy.typing import NDArray

import envs
from envs.errors import PhysicsError, UserError
from envs.experts import Expert
from envs.rendering import renderer_name
from envs.sim_env import SimEnv, bare
from envs.spec import check_choice
from envs.task import GOAL_MODES, share_out

T = TypeVar("T")

# What reading a damaged or foreign file raises: NumPy and zipfile take its bytes at their word.
_UNREADABLE = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, OSError, EOFError),
    *(MemoryError, SyntaxError, struct.error, zipfile.BadZipFile, zlib.error),
)
_VERSION = 3  # of the cached files: raise when the expert or the scene changes


@dataclass(frozen=True)
class GoalSequence:
    """Pictures to bring about, in order.

    Attributes:
        images: camera -> (K, H, W, 3) uint8.
        names: (K,) stage each picture shows.
        budgets: (K,) control steps for each on the fixed schedule.
    """

    images: dict[str, NDArray[np.uint8]]
    names: tuple[str, ...]
    budgets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)


class GoalSource(Protocol):
    """Where an environment's goal pictures come from."""

    def __call__(self, env: SimEnv, mode: str) -> GoalSequence | None:
        """Goal pictures for the start that the environment is in.

        Args:
            env: just reset, made with ``obs_mode="state"``; it may be stepped.
            mode: protocol, one of ``envs.task.GOAL_MODES``.

        Returns:
            The pictures; None where they cannot be made: the seed is then a failure for everyone.
        """
        ...


def make_goals(
    task: str, seed: int, mode: str = "subgoals", **env_options: Any
) -> GoalSequence | None:
    """Goal pictures for the start of an episode seed, or None where the expert fails.

    Args:
        task: name of a task, see ``envs.make``.
        seed: episode seed.
        mode: "subgoals", "dense" or "final".
        **env_options: as for ``envs.make``; cameras and image size decide the pictures.

    Raises:
        ValueError: for an unknown task, mode or option.
    """
    check_choice("goal", mode, GOAL_MODES)
    options = {k: v for k, v in env_options.items() if k not in ("obs_mode", "render_mode")}
    found = envs.find_task(task)
    env = _goal_env(task, text := _as_text(options))
    _, info = env.reset(seed=seed)
    path = _cache_path(task, seed, mode, text, info)
    cached = None if path is None else _read(path)
    if cached is not None:
        return cached
    goals = found.goals(env, mode)
    if goals is not None and path is not None:
        _write(path, goals)
    return goals


def _as_text(options: dict[str, Any]) -> str:
    """Options as JSON: one environment and one name in the cache for equal ones."""
    cameras = options.get("cameras", ())
    if not isinstance(cameras, tuple | list):
        raise UserError(f"cameras must be a tuple of names, not {cameras!r}")
    try:
        return json.dumps(options, sort_keys=True, default=list)
    except (TypeError, ValueError) as error:
        raise UserError(f"options {options!r} are no names and numbers: {error}") from error


@lru_cache(maxsize=4)
def _goal_env(task: str, options: str) -> SimEnv:
    parsed = json.loads(options)
    if "cameras" in parsed:
        parsed["cameras"] = tuple(parsed["cameras"])
    return bare(envs.make(task, obs_mode="state", **parsed))


class Scripted(Protocol):
    """The declaration of a task that has an expert."""

    @property
    def expert(self) -> Callable[[], Expert]:
        """Makes it."""
        ...

    @property
    def schedules(self) -> Mapping[str, Mapping[str, int]]:
        """Protocol -> stage of the expert -> control steps for its picture, in order."""
        ...

    @property
    def budget(self) -> int:
        """Control steps an episode may take."""
        ...


class ScriptedEnv(Protocol):
    """An environment of such a task, as far as its expert needs it."""

    @property
    def task_spec(self) -> Scripted:
        """The declaration."""
        ...

    def privileged(self) -> Mapping[str, Any]:
        """What the expert acts on."""
        ...

    def step(self, action: NDArray[np.float64]) -> object:
        """One control step."""
        ...

    def success(self) -> bool:
        """Whether the task is solved now."""
        ...


def expert_looks(env: ScriptedEnv, mode: str, look: Callable[[], T]) -> dict[str, T] | None:
    """Let the expert solve the env's present start and look at the stages a protocol shows.

    Args:
        env: just reset; it is stepped.
        mode: protocol.
        look: called as each wanted stage is reached.

    Returns:
        Stage -> what was seen, in the protocol's order, or None where the expert fails.
    """
    schedule, expert = env.task_spec.schedules[mode], env.task_spec.expert()
    seen: dict[str, T] = {}
    solved = False
    for _ in range(env.task_spec.budget):
        before = expert.stages.index(expert.stage) if expert.stage != "done" else None
        action = expert.act(env.privileged())
        after = expert.stages.index(expert.stage) if expert.stage != "done" else len(expert.stages)
        if before is not None:
            # A stage passed again after a slip is looked at again: the last time counts.
            seen.update({name: look() for name in expert.stages[before:after] if name in schedule})
        try:
            env.step(action)
        except PhysicsError:
            return None
        solved = solved or env.success()
        if solved and expert.stage == "done":
            break
    wanted = [name for name in schedule if name in expert.stages]
    if not solved or any(name not in seen for name in wanted):
        return None
    return {name: seen[name] for name in wanted}


def expert_goals(env: Any, mode: str) -> GoalSequence | None:
    """The goal source of every ``ScriptedEnv``: photograph the stages its expert passes."""
    shots = expert_looks(env, mode, lambda: photograph(env))
    if shots is None:
        return None
    images = {c: np.stack([shot[c] for shot in shots.values()]) for c in env.env_spec.cameras}
    schedule = env.task_spec.schedules[mode]
    shares = share_out(env.task_spec.budget, {name: schedule[name] for name in shots})
    budgets = np.array(list(shares.values()), dtype=np.int64)
    return GoalSequence(images, tuple(shots), budgets)


def photograph(env: Any) -> dict[str, NDArray[np.uint8]]:
    """Camera -> (H, W, 3) the present state as goal pictures show it."""
    lighting = getattr(env, "goal_look", nullcontext)  # where goals may look unlike the episode
    with lighting():
        return {camera: env.picture(camera) for camera in env.env_spec.cameras}


def present_goal(env: Any) -> GoalSequence:
    """The present state as a goal of one picture, for as long as an episode may take."""
    images = {camera: picture[None] for camera, picture in photograph(env).items()}
    return GoalSequence(images, ("present",), np.array([env.env_spec.budget], dtype=np.int64))


# -- files ------------------------------------------------------------------------------------


def save_goals(path: Path | str, goals: GoalSequence) -> None:
    """Write goal pictures to a file that ``load_goals`` reads; folders on the way are made.

    Raises:
        UserError: there are none to write.
    """
    if not isinstance(goals, GoalSequence):
        raise UserError(f"a goal is what make_goals gives, not {goals!r}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        images: dict[str, Any] = {f"image_{c}": v for c, v in goals.images.items()}
        np.savez_compressed(file, names=np.array(goals.names), budgets=goals.budgets, **images)
    os.replace(file.name, path)


def load_goals(path: Path | str) -> GoalSequence:
    """The goal pictures of a file.

    Raises:
        UserError: it is missing, damaged, or another kind of file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images = {k[6:]: file[k] for k in file.files if k.startswith("image_")}
            goals = GoalSequence(images, tuple(str(n) for n in file["names"]), file["budgets"])
    except _UNREADABLE as error:
        raise UserError(f"{path} holds no goal pictures: {error}") from error
    if not _agree(goals):
        raise UserError(f"{path} holds no goal pictures: its entries do not go together")
    return goals


def _agree(goals: GoalSequence) -> bool:
    """Whether every camera shows as many pictures as there are names and budgets."""
    count, budgets = len(goals), goals.budgets
    return (
        budgets.shape == (count,)
        and budgets.dtype.kind in "iu"
        and all(
            pictures.dtype == np.uint8 and pictures.ndim == 4 and len(pictures) == count
            for pictures in goals.images.values()
        )
    )


# -- cache ------------------------------------------------------------------------------------


def _cache_path(
    task: str, seed: int, mode: str, options: str, info: Mapping[str, Any]
) -> Path | None:
    """Where the goals of a start are kept; nowhere for an environment that tells no start."""
    if "initial_state_hash" not in info:
        return None
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "worldsim" / "goals"
    parts = [_VERSION, mujoco.__version__, renderer_name(), os.environ.get("MUJOCO_GL")]
    parts += [task, seed, mode, options, info["initial_state_hash"], info.get("variation")]
    key = json.dumps(parts, sort_keys=True)
    return root / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def _read(path: Path) -> GoalSequence | None:
    """The cached goals, or None where the file is missing or damaged (it is then remade)."""
    with suppress(UserError):
        return load_goals(path)
    return None


def _write(path: Path, goals: GoalSequence) -> None:
    """A read-only or full disk only costs the cache."""
    with suppress(OSError):
        save_goals(path, goals)
