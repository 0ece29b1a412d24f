"""Free play with several objects: one thing after another, and none of it towards a goal.

Single pick-and-places of a random object to a random place, some of which fail; pushes; waiting;
aimless moves. What comes next depends on chance alone: nothing is composed on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.arrangement import HIGH, LOW, room
from envs.experts import HOVER_M, Pose, Reading, ScriptedExpert, Stage
from envs.explorers import Bursts
from envs.geometry import PLATFORM_HALF_SIZE, TABLE_Z, WORKSPACE_HIGH, WORKSPACE_LOW
from envs.pick_place import stay
from envs.rearrange import LOW_M
from envs.rearranger import MOVE, overhead, read

Array = NDArray[np.float64]

SHARES = {"pick-and-place": 0.65, "push": 0.15, "wait": 0.08, "wander": 0.12}
"""How often each activity is begun."""
NOISE_LEVELS = (0.0, 0.1, 0.25)
MOVE_STEPS = 45
"""A pick-and-place that takes longer is given up."""
DROPPED_SHARE = 0.15
"""Of the pick-and-places, those that are broken off at some earlier moment."""
RAISED_SHARE = 0.15
"""Of the places, those on the platform, and again on another object, where there is one."""
FLANK_M, STROKE_M, PUSH_STEPS = 0.05, 0.06, 16
BEYOND_M = 0.06
"""An object this far off the used part of the table is out of reach."""


class FreePlay:
    """Plays until it is stopped.

    Args:
        objects: how many there are.
        platform: (3,) centre of the platform, or None.
        rng: draws everything.
    """

    name = "free-play"
    finished = False

    def __init__(self, objects: int, platform: Array | None, rng: np.random.Generator) -> None:
        self._objects, self._platform, self._rng = objects, platform, rng
        self._left = 0

    def act(self, observation: Mapping[str, Any]) -> tuple[Array, Array]:
        """(taken, intended) actions (7,) for a privileged observation."""
        if self._left == 0:
            self._begin(observation)
        self._left -= 1
        reading = read(observation, self._index, self._place, self._objects)
        intended = np.clip(self._script.follow(reading), -1.0, 1.0)
        if self._script.stage == "done":
            self._left = 0
        return np.clip(intended + self._bursts.next(), -1.0, 1.0), intended

    def _begin(self, observation: Mapping[str, Any]) -> None:
        """Choose what to do next, and with what."""
        rng = self._rng
        things = [read(observation, i, np.zeros(3), self._objects) for i in range(self._objects)]
        within = [i for i, thing in enumerate(things) if _in_reach(thing)]
        activity = rng.choice(list(SHARES), p=list(SHARES.values())) if within else "wander"
        self._index = int(rng.choice(within)) if within else 0
        self._place = self._draw_place(things)
        self._bursts = Bursts(rng, float(rng.choice(NOISE_LEVELS)))
        stages, self._left = self._stages(str(activity), things[self._index])
        self._script = ScriptedExpert(stages)

    def _stages(self, activity: str, thing: Reading) -> tuple[tuple[Stage, ...], int]:
        """What to do, and for how many steps at most."""
        rng = self._rng
        if activity == "pick-and-place":
            dropped = rng.random() < DROPPED_SHARE
            return MOVE, int(rng.integers(6, 24)) if dropped else MOVE_STEPS
        if activity == "push":
            return _push(thing, rng), PUSH_STEPS
        if activity == "wait":
            return (Stage("wait", stay, 0.0, done=_never),), int(rng.integers(2, 7))
        return (_wander(rng),), int(rng.integers(2, 6))

    def _draw_place(self, things: list[Reading]) -> Array:
        """(3,) for the chosen object: on the table, or at times on the platform or another."""
        rng, mine = self._rng, things[self._index]
        others = [thing for thing in things if thing is not mine]
        low = [thing for thing in others if 2 * thing.half[2] < LOW_M]
        draw = rng.random()
        if self._platform is not None and draw < RAISED_SHARE:
            base, height = self._platform, PLATFORM_HALF_SIZE[2]
        elif low and RAISED_SHARE <= draw < 2 * RAISED_SHARE:
            below = low[rng.integers(len(low))]
            base, height = below.place, below.half[2]
        else:
            base, height = np.array([*self._free_spot(mine, others), TABLE_Z]), 0.0
        return np.array([*base[:2], base[2] + height + mine.half[2]])

    def _free_spot(self, mine: Reading, others: list[Reading]) -> Array:
        """(2,) on the table, with room around it if some is found."""
        tries = self._rng.uniform(LOW, HIGH, (20, 2))
        taken = [(thing.place[:2], room(mine.half, thing.half)) for thing in others]
        if self._platform is not None:
            taken.append((self._platform[:2], room(mine.half, PLATFORM_HALF_SIZE)))
        fits = np.ones(len(tries), dtype=bool)
        for place, least in taken:
            fits &= np.linalg.norm(tries - place, axis=1) > least
        spot: Array = tries[fits.argmax()]
        return spot


def _in_reach(thing: Reading) -> bool:
    """Whether an object is still where the arm can take it."""
    inside = (thing.place[:2] > LOW - BEYOND_M) & (thing.place[:2] < HIGH + BEYOND_M)
    return bool(inside.all() and thing.place[2] > TABLE_Z)


def _push(thing: Reading, rng: np.random.Generator) -> tuple[Stage, ...]:
    """Closed fingers go down beside an object, through where it is, and up."""
    angle = rng.uniform(-np.pi, np.pi)
    along = np.array([np.cos(angle), np.sin(angle), 0.0])
    flank = float(np.linalg.norm(thing.half[:2])) + FLANK_M
    first = thing.place - flank * along
    last = thing.place + rng.uniform(0.0, STROKE_M) * along
    above = np.array([*first[:2], max(first[2] + HOVER_M, overhead(thing))])
    clear = np.array([*last[:2], last[2] + HOVER_M])
    points = {"above": above, "beside": first, "pushed": last, "clear": clear}
    return tuple(Stage(name, _at(point), 1.0) for name, point in points.items())


def _wander(rng: np.random.Generator) -> Stage:
    """Anywhere, opening or closing the gripper on the way."""
    point = rng.uniform(WORKSPACE_LOW, WORKSPACE_HIGH)
    return Stage("wander", _at(point), float(rng.choice((-1.0, 1.0))))


def _at(point: Array) -> Any:
    def pose(reading: Reading) -> Pose:
        return point, None

    return pose


def _never(reading: Reading) -> bool:
    return False
