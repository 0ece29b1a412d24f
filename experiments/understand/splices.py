"""Runs that are told apart by the object alone, to be spliced while nothing is seen.

The gripper holds an object in the air and carries it away; for the first steps of the way the
cameras are dark. Beside it the same motion is run, and lawfully, with another object or none: B.
What is seen before the dark and what is seen after it are of one run, or of both. Every frame is
then in a possible and in an impossible clip, so that no single frame tells; and where the object
comes to light it was not before, so that no difference of two frames tells its colour or size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.env import ManipulationEnv
from experiments.understand.branches import HORIZON, JITTER, Glimpse, glimpse
from experiments.understand.clips import grasp

Array = NDArray[np.float64]

PROPERTIES = ("colour", "size", "permanence", "continuity", "placebo")
"""What the splice breaks; the placebo's other run is the same one but for a hair's breadth."""
HIDDEN = (1, 2, 4)
"""Control steps after which there is light again: easy, medium, hard."""

_HEIGHT_M = 0.05
_STILL = 2
_TALLER = 1.7
_LEAST_COLOUR = 0.3
_ARM_M = 0.004
_ASIDE_M = 0.1
_AWAY = np.array([5.0, 0.0, 0.0])
_UPRIGHT = {mujoco.mjtGeom.mjGEOM_BOX: 2, mujoco.mjtGeom.mjGEOM_CYLINDER: 1}


@dataclass(frozen=True)
class Run:
    """One lawful run.

    Attributes:
        before: the frames before the dark.
        after: simulator states (len(HIDDEN), n) when there is light again.
        chunk: (H, 7) what was done from then on.
        look: colour (4,) and height of the object, over those of the start; None: as it is.
    """

    before: list[Glimpse]
    after: Array
    chunk: NDArray[np.float32]
    look: tuple[Array, float] | None = None


def two_runs(env: ManipulationEnv, broken: str, rng: np.random.Generator) -> tuple[Run, Run] | str:
    """A and B from the environment's present start, or why there are none.

    Args:
        env: just reset; it is stepped.
        broken: one of ``PROPERTIES``.
        rng: of the way.

    Raises:
        envs.errors.PhysicsError: the simulation diverged.
    """
    grasp(env, _HEIGHT_M)
    if not env.scene.finger_contacts().all():
        return "nothing is held"
    state, chunk = env.get_state(), _way(rng)
    first = _run(env, state, chunk)
    if not env.scene.finger_contacts().all():
        return "nothing is held"
    if broken in ("colour", "size"):
        look = _other_look(env, broken)
        if look is None:
            return "it would look alike"
        return first, Run(first.before, first.after, first.chunk, look)
    place = {
        "permanence": env.scene.object_position() + _AWAY,
        "continuity": _aside(env, state, chunk),
        "placebo": None,
    }[broken]
    wobbling = chunk + np.float32(rng.normal(0.0, JITTER, chunk.shape) if place is None else 0.0)
    second = _run(env, state, np.clip(wobbling, -1.0, 1.0), place)
    ends = first.before[-1].proprio[:3] - second.before[-1].proprio[:3]
    return (first, second) if np.linalg.norm(ends) < _ARM_M else "the arm tells"


def _way(rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, 7) steadily aside, holding on."""
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.8)
    step = np.array([speed * np.cos(angle), speed * np.sin(angle), 0, 0, 0, 0, 1.0])
    return np.tile(step, (HORIZON, 1)).astype(np.float32)


def _run(
    env: ManipulationEnv,
    state: dict[str, Any],
    chunk: NDArray[np.float32],
    place: Array | None = None,
) -> Run:
    """Stand still, look, then go; the object first put elsewhere, if a place is given."""
    env.set_state(state)
    if place is not None:
        _put(env, place)
    still = np.array([0, 0, 0, 0, 0, 0, 1.0], dtype=np.float32)
    before = list[Glimpse]()
    for action in (still,) * _STILL:
        before.append(glimpse(env, action))
        env.step(action)
    before = [*before[1:], glimpse(env, chunk[0])]
    after = list[Array]()
    for action in chunk:
        env.step(action)
        after.append(env.state())
    return Run(before, np.stack([after[steps - 1] for steps in HIDDEN]), chunk)


def _put(env: ManipulationEnv, place: Array) -> None:
    """The object to a place (3,) in the robot-base frame, at rest."""
    now = env.scene.object_position()
    joint = env.data.joint("object_joint")
    joint.qpos[:3] += place - now
    joint.qvel[:] = 0.0
    mujoco.mj_forward(env.model, env.data)


def _aside(env: ManipulationEnv, state: dict[str, Any], chunk: NDArray[np.float32]) -> Array:
    """On the table beside the way."""
    env.set_state(state)
    scene = env.scene
    across = np.array([-chunk[0, 1], chunk[0, 0], 0.0]) / np.linalg.norm(chunk[0, :2])
    place: Array = scene.object_position() + _ASIDE_M * across
    place[2] -= scene.clearance()
    return place


def _other_look(env: ManipulationEnv, broken: str) -> tuple[Array, float] | None:
    """Another colour, or another height; None where that would not show."""
    geoms = _geoms(env)
    colour = env.model.geom_rgba[geoms[0]].copy()
    if broken == "colour":
        colour[:3] = np.roll(colour[:3], 1)
        shows = np.abs(colour - env.model.geom_rgba[geoms[0]]).max() > _LEAST_COLOUR
        return (colour, 1.0) if shows else None
    upright = all(int(env.model.geom_type[geom]) in _UPRIGHT for geom in geoms)
    return (colour, _TALLER) if upright else None


def _geoms(env: ManipulationEnv) -> list[int]:
    found: list[int] = np.flatnonzero(env.model.geom_bodyid == env.model.body("object").id).tolist()
    return found


@contextmanager
def looking(env: ManipulationEnv, run: Run) -> Iterator[None]:
    """The scene with a run's object, then as it was."""
    geoms, model = _geoms(env), env.model
    was = model.geom_rgba[geoms].copy(), model.geom_size[geoms].copy()
    try:
        if run.look is not None:
            colour, taller = run.look
            model.geom_rgba[geoms] = colour
            for geom in geoms:
                if (axis := _UPRIGHT.get(int(model.geom_type[geom]))) is not None:
                    model.geom_size[geom, axis] *= taller
        yield
    finally:
        model.geom_rgba[geoms], model.geom_size[geoms] = was
