"""Two seconds of a robot with an object, and what happened in them, told by the simulator.

Each of twelve things that take time is tried by a script of random speed, place and pauses. What
counts is what the simulator then says: a push that slid off, or a clip that fits two descriptions,
is no clip of any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.env import ManipulationEnv
from envs.experts import Reading
from envs.geometry import TABLE_Z
from envs.spec import TRANSLATION_SCALE_M

Array = NDArray[np.float64]

FRAMES = 8
"""At four a second."""
CLASSES = (
    *("picked up", "put down", "dropped", "missed"),
    *("pushed left", "pushed right", "pushed away", "pushed towards"),
    *("carried left", "carried right", "turned left", "turned right"),
)
"""Left and right, away and towards are the robot's: along y and x of its base frame."""

_APART_M, _LOW_M = 0.06, 0.02
_SETTLE_STEPS = 14
_WANDER = 0.05
_SIDES = {"left": (0, 1), "right": (0, -1), "away": (1, 0), "towards": (-1, 0)}


@dataclass(frozen=True)
class Track:
    """What the simulator knows of a clip.

    Attributes:
        physics: (T, n) states, to draw it from.
        place: (T, 3) object centre, m.
        yaw: (T,) of the object, rad, without jumps.
        clearance: (T,) of its lowest point above the table, m.
        fingers: (T,) how many touch it.
        tool: (T, 3) tool centre, m.
        closedness: (T,) of the gripper.
    """

    physics: Array
    place: Array
    yaw: Array
    clearance: Array
    fingers: NDArray[np.int64]
    tool: Array
    closedness: Array


def what_happened(track: Track) -> str | None:
    """The one of ``CLASSES`` that describes a clip; None where none does."""
    moved, turned = track.place[-1] - track.place[0], track.yaw[-1] - track.yaw[0]
    high, held = track.clearance, track.fingers == 2
    if held.all() and high.min() > 0.01:
        return _in_the_air(moved, turned)
    if high[0] < 0.005 and high[-1] > 0.03 and held[-1]:
        return "picked up"
    if held[0] and high[0] > 0.03 and high[-1] < 0.01:
        # The last height at which it was still held.
        return "dropped" if high[held][-1] > 0.025 else "put down"
    if high.max() < 0.01 and not held.any():
        if np.linalg.norm(moved[:2]) > 0.02:
            return _pushed(moved)
        closed, risen = np.ptp(track.closedness), track.tool[-1, 2] - track.tool[:, 2].min()
        if np.linalg.norm(moved) < 0.01 and closed > 0.5 and risen > 0.03:
            return "missed"
    return None


def _in_the_air(moved: Array, turned: float) -> str | None:
    if abs(turned) > 0.25 and np.linalg.norm(moved) < 0.03:
        return "turned left" if turned > 0 else "turned right"
    if abs(moved[1]) > max(0.03, 2 * abs(moved[0]), 2 * abs(moved[2])) and abs(turned) < 0.15:
        return "carried left" if moved[1] > 0 else "carried right"
    return None


def _pushed(moved: Array) -> str | None:
    along, across = moved[:2]
    if abs(across) > 2 * abs(along):
        return "pushed left" if across > 0 else "pushed right"
    if abs(along) > 2 * abs(across):
        return "pushed away" if along > 0 else "pushed towards"
    return None


def perform(env: ManipulationEnv, name: str, rng: np.random.Generator) -> Track:
    """Try to make a clip of a class, from the environment's present start.

    Args:
        env: just reset; it is stepped.
        name: one of ``CLASSES``.
        rng: of speed, place and pauses.

    Raises:
        envs.errors.PhysicsError: the simulation diverged.
    """
    verb, _, side = name.partition(" ")
    act = _prepare(env, verb, side, rng)
    noise = _WANDER * rng.standard_normal((FRAMES - 1, 7)) * _FREE
    return record(env, np.stack([act(step) for step in range(FRAMES - 1)]) + noise)


def record(env: ManipulationEnv, actions: Array) -> Track:
    """What the simulator knows of actions (T - 1, 7), clipped to [-1, 1], as they are done.

    Raises:
        envs.errors.PhysicsError: the simulation diverged.
    """
    seen = [_look(env)]
    for action in np.clip(actions, -1.0, 1.0):
        env.step(action)
        seen.append(_look(env))
    physics, place, yaw, clearance, fingers, tool, closedness = zip(*seen, strict=True)
    return Track(
        np.stack(physics),
        np.stack(place),
        np.unwrap(yaw, period=math.pi / 2),  # a cube looks the same every quarter of a turn
        np.array(clearance),
        np.array(fingers),
        np.stack(tool),
        np.array(closedness),
    )


_FREE = np.array([1, 1, 1, 0, 0, 1, 0])
Act = Callable[[int], Array]


def _prepare(env: ManipulationEnv, verb: str, side: str, rng: np.random.Generator) -> Act:
    """Bring about what a clip starts from; what is then done at each of its steps."""
    speed, pause = rng.uniform(0.25, 0.6), int(rng.integers(0, 3))
    if verb in ("pushed", "missed"):
        return _beside(env, verb, side, speed, pause, rng)
    height = 0.0 if verb == "picked" else rng.uniform(0.045, 0.085)
    grasp(env, height)
    sign = 1.0 if side == "left" else -1.0
    moves = {
        "picked": action(z=speed, grip=1.0),
        "put": action(z=-speed, grip=1.0),
        "dropped": action(grip=-1.0),
        "carried": action(y=sign * speed, grip=1.0),
        "turned": action(yaw=sign * rng.uniform(0.5, 1.0), grip=1.0),
    }
    return lambda step: moves[verb] if step >= pause else action(grip=1.0)


def _beside(
    env: ManipulationEnv, verb: str, side: str, speed: float, pause: int, rng: np.random.Generator
) -> Act:
    """Closed beside the object, to push it; or open where nothing is, to close and rise."""
    reading = _read(env)
    if verb == "pushed":
        direction = np.array([*_SIDES[side], 0.0])
        go(env, reading.place - _APART_M * direction + [0, 0, 0.1], grip=1.0)
        go(env, reading.place - _APART_M * direction, grip=1.0, height=_LOW_M)
        push = action(x=speed * direction[0], y=speed * direction[1])
        return lambda step: push if step >= pause else action()
    angle = rng.uniform(0, 2 * math.pi)
    away = rng.uniform(0.055, 0.08) * np.array([math.cos(angle), math.sin(angle), 0.0])
    go(env, reading.place + away + [0, 0, 0.1], grip=-1.0)
    go(env, reading.place + away, grip=-1.0, height=_LOW_M)
    return lambda step: action(z=speed if step > pause + 1 else 0, grip=1.0)


def grasp(env: ManipulationEnv, height: float) -> None:
    """Hold the object, so high above the table."""
    expert = env.task_spec.expert()
    for _ in range(env.task_spec.budget):
        action = expert.act(env.privileged())
        if expert.stage in ("lifted", "done") and env.scene.clearance() >= height:
            return
        env.step(action)


def go(env: ManipulationEnv, place: Array, grip: float, height: float | None = None) -> None:
    """Bring the tool to a place; ``height`` above the table instead of the place's own."""
    wanted = place if height is None else np.array([*place[:2], TABLE_Z + height])
    for _ in range(_SETTLE_STEPS):
        gap = (wanted - env.scene.tool_position()) / TRANSLATION_SCALE_M
        if np.linalg.norm(gap) < 0.1:
            return
        x, y, z = (gap / max(1.0, float(np.abs(gap).max()))).tolist()
        env.step(action(x, y, z, grip=grip))


def action(
    x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0, grip: float = 0.0
) -> Array:
    """(7,) of a move, a turn and the gripper's, each in [-1, 1]."""
    return np.array([x, y, z, 0.0, 0.0, yaw, grip])


def _read(env: ManipulationEnv) -> Reading:
    return Reading.of(env.privileged())


def _look(env: ManipulationEnv) -> tuple[Array, Array, float, float, int, Array, float]:
    """One frame's share of a ``Track``."""
    reading, scene = _read(env), env.scene
    turn = reading.object_rotation
    return (
        env.state(),
        reading.place,
        math.atan2(turn[1, 0], turn[0, 0]),
        scene.clearance(),
        int(reading.contacts.sum()),
        reading.tool,
        reading.closedness,
    )
