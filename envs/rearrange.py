"""Rearrange: bring up to four objects to where a picture has them.

They stand apart on the table at first. In the goal some or all stand elsewhere: on the table, on
the platform, or on another. In a *blocked* start one is to go where another stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.arrangement import HIGH, LOW, Layout, in_place, moving, room
from envs.geometry import PLATFORM_HALF_SIZE, TABLE_Z
from envs.grasp import grasp_stage
from envs.pick_place import busy
from envs.placement import OBJECT_YAW_RAD
from envs.rearranger import MOVE, Rearranger
from envs.start import ObjectStart, Start
from envs.task import STAGES, Task, TaskSpec, share_out

if TYPE_CHECKING:
    from envs.draws import Draws
    from envs.scene import Scene

Array = NDArray[np.float64]

STEPS_PER_OBJECT = 40
FLAT = ("cube", "bread", "box")
"""Kinds that others may stand on, where they are low."""
STEADY = (*FLAT, "can", "milk", "cylinder")
"""Kinds that may stand on others, or on the platform."""
LOW_M = 0.06
CANDIDATES = 100


class Rearrange(Task):
    """Goal: (5n,), see ``envs.arrangement``.

    Args:
        objects: how many, 1 to 4.
        blocked: whether one is to go where another stands.
    """

    def __init__(self, objects: int, blocked: bool = False) -> None:
        self.objects, self.blocked = objects, blocked

    def sample_start(self, draws: Draws) -> Start:
        """Objects of different kinds and colours apart on the table, and other places for some."""
        tool, yaw = draws.tool()
        shapes = draws.object_shapes(self.objects)
        colours = draws.object_colours(self.objects)
        rng, n = draws.rng, self.objects
        things = _Things([kind for kind, _ in shapes], np.stack([half for _, half in shapes]))
        moved = rng.permutation(n)[: 2 if self.blocked else rng.integers((n + 1) // 2, n + 1)]
        now, goal, platform = (_blocked if self.blocked else _free)(rng, things, moved)
        turns = rng.uniform(-OBJECT_YAW_RAD, OBJECT_YAW_RAD, n)
        objects = tuple(
            ObjectStart(*shape, place, float(turn), colour)
            for shape, place, turn, colour in zip(shapes, now, turns, colours, strict=True)
        )
        loose = np.isin(np.arange(n), moved).astype(float)
        vector = np.column_stack([goal, np.zeros(n), loose]).ravel()
        return Start(tool, yaw, vector, objects, platform, free=goal)

    def achieved_goal(self, scene: Scene) -> Array:
        """(5n,) centres, whether a finger touches each or it moves, and 1."""
        each = range(self.objects)
        parts = [[*scene.object_position(i), float(busy(scene, i)), 1.0] for i in each]
        return np.array(parts).ravel()

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array) -> Any:
        """0 where every object is in its place and left alone, -1 elsewhere."""
        return np.where(in_place(achieved_goal, desired_goal).all(axis=-1), 0.0, -1.0)

    def distance(self, scene: Scene, goal: Array) -> float:
        """Metres from the objects' centres to their places, summed."""
        apart = self._layout(scene, goal)
        return float(np.linalg.norm(apart.now - apart.goal, axis=1).sum())

    def reward_terms(self, scene: Scene, goal: Array) -> dict[str, float]:
        """``near`` (tool to what is out of place), ``carried`` (towards the places), ``placed``."""
        layout, tool = self._layout(scene, goal), scene.tool_position()
        done = in_place(self.achieved_goal(scene), goal)
        apart = np.linalg.norm(layout.now - layout.goal, axis=1)
        reach = np.linalg.norm(layout.now - tool, axis=1)[~done]
        return {
            "near": 1.0 if done.all() else 1.0 - float(np.tanh(5.0 * reach.min())),
            "carried": float((1.0 - np.tanh(5.0 * apart)).sum()),
            "placed": 5.0 * float(done.sum()),
        }

    def stage(self, scene: Scene) -> str:
        """The furthest stage of an object."""
        stages = (grasp_stage(scene, i) for i in range(self.objects))
        return max(stages, key=STAGES.index)

    def info(self, scene: Scene, goal: Array) -> dict[str, Any]:
        """What has been done, object by object.

        ``in_place`` of ``objects``; ``credit``, the share in place of those that are to move;
        ``object_stages``; ``blocked``, how many cannot be put in place before another has left it.
        """
        done, moves = in_place(self.achieved_goal(scene), goal), moving(goal)
        stages = [
            "placed" if ready else grasp_stage(scene, i) for i, ready in enumerate(done.tolist())
        ]
        return {
            "in_place": int(done.sum()),
            "objects": self.objects,
            "credit": float(done[moves].mean()),
            "object_stages": tuple(stages),
            "blocked": self._layout(scene, goal).blocked(),
        }

    def _layout(self, scene: Scene, goal: Array) -> Layout:
        """Where everything is, and where it is to be."""
        each = range(self.objects)
        now = np.stack([scene.object_position(i) for i in each])
        return Layout.towards(goal, now, np.stack([scene.half_size(i) for i in each]))


# -- where things stand -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Things:
    """Kinds and half sizes (n, 3) of the objects."""

    kinds: list[str]
    half: Array

    @property
    def steady(self) -> NDArray[np.bool_]:
        """(n,) what may stand on others."""
        return np.isin(self.kinds, STEADY)

    @property
    def flat(self) -> NDArray[np.bool_]:
        """(n,) what others may stand on."""
        return np.isin(self.kinds, FLAT) & (2 * self.half[:, 2] < LOW_M)


Placing = tuple[Array, Array, Array | None]
"""Places (n, 3) at the start and in the goal, and the platform's centre (3,), if there is one."""


def _free(rng: np.random.Generator, things: _Things, moved: NDArray[np.int64]) -> Placing:
    """Every place is free, and in two of three starts one is not on the table."""
    special = rng.choice(("table", "platform", "stack"))
    steady = [i for i in moved if things.steady[i]]
    if special == "platform" and steady:
        return _with_platform(rng, things, moved, steady[0])
    now, goal = _on_table(rng, things.half, moved, things.half[moved])
    pairs = [(top, base) for top in steady for base in np.flatnonzero(things.flat) if top != base]
    if special == "stack" and pairs:
        top, base = pairs[rng.integers(len(pairs))]
        goal[top] = goal[base] + [0.0, 0.0, things.half[base, 2] + things.half[top, 2]]
    return now, goal, None


def _with_platform(
    rng: np.random.Generator, things: _Things, moved: NDArray[np.int64], index: int
) -> Placing:
    """One object is to stand on the platform, which needs more room than the object itself."""
    rooms = things.half[moved]
    rooms[moved == index] = PLATFORM_HALF_SIZE
    now, goal = _on_table(rng, things.half, moved, rooms)
    height = float(PLATFORM_HALF_SIZE[2])
    platform = np.array([*goal[index, :2], TABLE_Z + height])
    goal[index, 2] += 2 * height
    return now, goal, platform


def _blocked(rng: np.random.Generator, things: _Things, moved: NDArray[np.int64]) -> Placing:
    """The first is to go where the second stands; in every other start they change places."""
    now, goal = _on_table(rng, things.half, moved, things.half[moved])
    first, second = moved
    goal[first, :2] = now[second, :2]
    if rng.random() < 0.5:
        goal[second, :2] = now[first, :2]
    return now, goal, None


def _on_table(
    rng: np.random.Generator, half: Array, moved: NDArray[np.int64], rooms: Array
) -> tuple[Array, Array]:
    """Places (n, 3) at the start and in the goal, apart from one another."""
    spots = _apart(rng, np.concatenate([half, rooms]))
    now = np.column_stack([spots[: len(half)], TABLE_Z + half[:, 2]])
    goal = now.copy()
    goal[moved, :2] = spots[len(half) :]
    return now, goal


def _apart(rng: np.random.Generator, half: Array) -> Array:
    """(m, 2) places on the table for things of half sizes (m, 3), each with room around it."""
    rooms = np.array([[room(a, b) for b in half] for a in half])
    spots: list[Array] = []
    while len(spots) < len(half):
        tries = rng.uniform(LOW, HIGH, (CANDIDATES, 2))
        gaps = np.linalg.norm(tries[:, None] - np.reshape(spots, (-1, 2)), axis=2)
        fits = np.flatnonzero((gaps > rooms[len(spots), : len(spots)]).all(axis=1))
        if len(fits):
            spots.append(tries[fits[0]])
        else:
            spots = []
    return np.stack(spots)


# -- declarations -------------------------------------------------------------------------------


def task_name(objects: int, blocked: bool = False) -> str:
    """What the task of so many objects is called."""
    return f"rearrange-{objects}" + ("-blocked" if blocked else "")


def _spec(objects: int, blocked: bool = False) -> TaskSpec:
    """The declaration for so many objects."""
    budget, most = STEPS_PER_OBJECT * objects, objects + blocked
    names = [f"{stage.name}-{i}" for i in range(1, most + 1) for stage in MOVE]
    pictures = {"grasped": 14, "near": 14, "released": 12}
    subgoals = {name: pictures.get(name.split("-")[0], 0) for name in names}
    return TaskSpec(
        name=task_name(objects, blocked),
        id=f"worldsim/Rearrange-{objects}{'-Blocked' if blocked else ''}-v0",
        task=partial(Rearrange, objects, blocked),
        expert=partial(Rearranger, objects, most),
        budget=budget,
        goal_size=5 * objects,
        objects=objects,
        solved_stage="placed",
        schedules={
            "subgoals": share_out(budget, {k: v for k, v in subgoals.items() if v}),
            "dense": share_out(budget, dict.fromkeys(names, 1)),
            "final": {"arranged": budget},
        },
        action_dims=(0, 1, 2, 5, 6),
        dwell_s=0.5,
    )


SPECS = (*(_spec(count) for count in (1, 2, 3, 4)), _spec(2, blocked=True))
