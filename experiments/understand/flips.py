"""Two runs from one state, either side of where the outcome flips.

One number of what the gripper does is bisected: how far beside the object it closes, how far it
closes or opens, how far beside the object it sweeps past. What then comes of it is brought to an
end that does not show it: what was lifted is put back, what was moved was anywhere to begin with,
and the gripper goes somewhere at random. So neither the first picture nor the last one tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.env import ManipulationEnv
from envs.experts import Reading
from envs.geometry import GRIPPER_OPENING
from envs.spec import TRANSLATION_SCALE_M
from experiments.understand.branches import JITTER
from experiments.understand.clips import Track, action, go, grasp, record

Array = NDArray[np.float64]

FRAMES = 12
"""At four a second."""
HALVINGS = 5
"""Of the range of the number, for each side."""
TRIALS = 2
"""So often each run is done again, all but the same; its outcome must be the same."""
BACK = (0, 1, 2, 4)
"""So many grains of the bisecting a number may be taken back until it is."""

_STILL_M, _HIGH_M, _FAR_M = 0.005, 0.03, 0.02
_LONGEST_PAUSE = 2
_BESIDE_M, _FINGER_M, _LOW_M = 0.06, 0.015, 0.02
_SLACK_M, _SQUEEZE_M = 0.008, 0.024


@dataclass(frozen=True)
class Setting:
    """A state from which an outcome depends on one number.

    Attributes:
        actions: that number, m -> what is done (T - 1, 7).
        no, yes: with the former it does not happen, with the latter it does.
    """

    actions: Callable[[float], Array]
    no: float
    yes: float


@dataclass(frozen=True)
class Kind:
    """A thing that happens or not.

    Attributes:
        event: what is asked about; one of ``words.EVENTS``.
        number: what is bisected.
        prepare: brings the environment to the state, just reset.
        happened: whether it did; None where it neither did nor did not, or the end shows it.
    """

    event: str
    number: str
    prepare: Callable[[ManipulationEnv, np.random.Generator], Setting]
    happened: Callable[[Track], bool | None]


@dataclass(frozen=True)
class Pair:
    """The run in which it does not happen, and the one in which it does.

    Attributes:
        runs: no, yes.
        numbers: of the two, m.
    """

    runs: tuple[Track, Track]
    numbers: tuple[float, float]


def two_sides(env: ManipulationEnv, kind: Kind, rng: np.random.Generator) -> Pair | str:
    """The closest pair that bisecting finds from the present start, or why there is none.

    Args:
        env: just reset; it is stepped.
        kind: one of ``KINDS``.
        rng: of all that the two runs share.

    Raises:
        envs.errors.PhysicsError: the simulation diverged.
    """
    setting = kind.prepare(env, rng)
    attempts = _Attempts(env, kind, setting, rng)
    if attempts.told(setting.no) is not False or attempts.told(setting.yes) is not True:
        return "it never happens, or always"
    yes, other = edge(lambda n: attempts.told(n) is True, setting.yes, setting.no)
    no, _ = edge(lambda n: attempts.told(n) is False, setting.no, other)
    found = attempts.steady(no, setting.no), attempts.steady(yes, setting.yes)
    if found[0] is None or found[1] is None:
        return "flips under jitter"
    return Pair((attempts.runs[found[0]], attempts.runs[found[1]]), (found[0], found[1]))


class _Attempts:
    """Runs from the environment's present state, and what happened in them."""

    def __init__(
        self, env: ManipulationEnv, kind: Kind, setting: Setting, rng: np.random.Generator
    ) -> None:
        self._env, self._kind, self._setting = env, kind, setting
        self._state, self.runs = env.get_state(), dict[float, Track]()
        self._wobbles = JITTER * rng.standard_normal((TRIALS, FRAMES - 1, 7))

    def told(self, number: float) -> bool | None:
        """Whether it happens with a number."""
        if number not in self.runs:
            self.runs[number] = self._run(number)
        return self._kind.happened(self.runs[number])

    def steady(self, number: float, end: float) -> float | None:
        """The first number on the way to an end with which jitter changes nothing."""
        wanted, grain = self.told(end), abs(self._setting.no - self._setting.yes) / 2**HALVINGS
        for back in BACK:
            step = back * grain
            tried: float = min(number + step, end) if number < end else max(number - step, end)
            trials = (self._run(tried, wobble) for wobble in self._wobbles)
            if self.told(tried) is wanted and all(
                self._kind.happened(trial) is wanted for trial in trials
            ):
                return tried
        return None

    def _run(self, number: float, wobble: Array | float = 0.0) -> Track:
        self._env.set_state(self._state)
        return record(self._env, self._setting.actions(number) + wobble)


def edge(holds: Callable[[float], bool], inside: float, outside: float) -> tuple[float, float]:
    """Two numbers close to each other: something holds with the first, not with the second.

    If it holds with both, the second.
    """
    if holds(outside):
        return outside, outside
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside, outside


# -- what happened ------------------------------------------------------------------------------


def _stands(track: Track) -> bool:
    """Whether the object ends as it began, on the table, upright and untouched."""
    middle = track.place[:, 2] - track.clearance
    upright = abs(middle[-1] - middle[0]) < _STILL_M
    return bool(upright and track.clearance[-1] < _STILL_M and not track.fingers[-1])


def lifted(track: Track) -> bool | None:
    """Up with the gripper, and then back; or never off the table."""
    if not _stands(track):
        return None
    if track.clearance.max() < _STILL_M:
        return False
    up = (track.clearance > _HIGH_M) & (track.fingers == 2)
    return True if up.sum() >= 2 else None


def dropped(track: Track) -> bool | None:
    """On the table while the gripper was still high; or held until that went down."""
    high = np.logical_and.accumulate(track.tool[:, 2] > track.tool[0, 2] - _STILL_M)
    if not _stands(track):
        return None
    if (track.clearance[high] > _HIGH_M).all():
        return False
    return True if track.clearance[high][-1] < _STILL_M else None


def moved(track: Track) -> bool | None:
    """Elsewhere on the table than before; or where it was."""
    if not _stands(track) or track.clearance.max() > 2 * _STILL_M:
        return None
    far = float(np.linalg.norm(track.place[-1] - track.place[0]))
    return True if far > _FAR_M else False if far < _STILL_M else None


# -- what is done -------------------------------------------------------------------------------


def _beside_grasp(env: ManipulationEnv, rng: np.random.Generator) -> Setting:
    """Close so far off the object's middle, across the way the fingers close; then lift."""
    along, half = _around(env)
    side = rng.choice((-1.0, 1.0))
    end = _finish(rng)

    def actions(number: float) -> Array:
        x, y, _ = side * number / TRANSLATION_SCALE_M * along
        return _timed([action(x, y), action(grip=1.0), action(grip=1.0), *end], pause)

    pause = int(rng.integers(_LONGEST_PAUSE))
    return Setting(actions, no=half + _FINGER_M, yes=0.0)


def _loose_grasp(env: ManipulationEnv, rng: np.random.Generator) -> Setting:
    """Close so far; then lift."""
    _around(env)
    end, pause = _finish(rng), int(rng.integers(_LONGEST_PAUSE))
    return Setting(lambda n: _timed([_close(n), action(), *end], pause), *_gap(env))


def _loose_drag(env: ManipulationEnv, rng: np.random.Generator) -> Setting:
    """Close so far; then go aside, across the way the fingers close."""
    along, _ = _around(env)
    x, y, _ = rng.choice((-1.0, 1.0)) * rng.uniform(0.4, 0.7) * along
    way = [action(x, y), action(x, y), action(), action(grip=-1.0), action(z=1.0), _away(rng)]
    pause = int(rng.integers(_LONGEST_PAUSE))
    return Setting(lambda n: _timed([_close(n), action(), *way], pause), *_gap(env))


def _loosened(env: ManipulationEnv, rng: np.random.Generator) -> Setting:
    """Hold it in the air, open so far, close again, go down and let go."""
    height = rng.uniform(0.045, 0.085)
    grasp(env, height)
    down = -env.scene.clearance() / 2 / TRANSLATION_SCALE_M
    end = [action(z=down), action(z=down), action(grip=-1.0), action(z=1.0), _away(rng)]
    pause = int(rng.integers(_LONGEST_PAUSE))
    held = action(grip=1.0)
    no, yes = (GRIPPER_OPENING - gap for gap in reversed(_gap(env)))
    return Setting(lambda n: _timed([held, _close(-n), held, *end], pause), no, yes)


def _swept(env: ManipulationEnv, rng: np.random.Generator) -> Setting:
    """Closed, so far beside the object's middle, past it and up."""
    angle = rng.uniform(0, 2 * np.pi)
    ahead, aside = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    place, half = env.scene.object_position(), env.scene.half_size()
    start = place - np.append((half[:2].max() + _BESIDE_M) * ahead, 0.0)
    go(env, start + np.array([0, 0, 0.1]), grip=1.0)
    go(env, start, grip=1.0, height=_LOW_M)
    side, speed = rng.choice((-1.0, 1.0)), rng.uniform(0.5, 0.8)
    sweep = [action(*(speed * ahead))] * 3
    end = [action(z=1.0), action(z=1.0), _away(rng)]
    pause = int(rng.integers(_LONGEST_PAUSE))

    def actions(number: float) -> Array:
        shift = side * number / TRANSLATION_SCALE_M * aside
        return _timed([action(*shift), *sweep, *end], pause)

    return Setting(actions, no=0.075, yes=0.0)


def _around(env: ManipulationEnv) -> tuple[Array, float]:
    """Open around the object; across the way the fingers close (3,), and its half size there, m."""
    expert = env.task_spec.expert()
    for _ in range(env.task_spec.budget):
        wanted = expert.act(env.privileged())
        if expert.stage == "grasped":
            break
        env.step(wanted)
    turn = Reading.of(env.privileged()).object_rotation
    return turn[:, 0] * [1, 1, 0], float(env.scene.half_size()[0])


def _gap(env: ManipulationEnv) -> tuple[float, float]:
    """By how much the fingers close until they are wider than the object, and narrower, m."""
    touching = GRIPPER_OPENING - 2 * float(env.scene.half_size()[1])
    return touching - _SLACK_M, touching + _SQUEEZE_M


def _finish(rng: np.random.Generator) -> list[Array]:
    """Up, down, let go, up, away."""
    speed = rng.uniform(0.45, 0.6)
    up, down = action(z=speed), action(z=-speed)
    return [up, up, down, down, action(grip=-1.0), action(z=1.0), _away(rng)]


def _away(rng: np.random.Generator) -> Array:
    return action(*rng.uniform(-1.0, 1.0, 2))


def _close(distance: float) -> Array:
    """The fingers come closer by so much, m."""
    return action(grip=distance / GRIPPER_OPENING)


def _timed(actions: list[Array], pause: int) -> Array:
    """(FRAMES - 1, 7): after so many steps of waiting, and with waiting after it."""
    rest = FRAMES - 1 - pause - len(actions)
    return np.stack([action()] * pause + actions + [action()] * rest)


KINDS: dict[str, Kind] = {
    "lifted, off centre": Kind("lifted", "off centre", _beside_grasp, lifted),
    "lifted, loosely": Kind("lifted", "fingers closed by", _loose_grasp, lifted),
    "taken along": Kind("taken along", "fingers closed by", _loose_drag, moved),
    "dropped": Kind("dropped", "fingers opened by", _loosened, dropped),
    "pushed": Kind("pushed", "beside the middle", _swept, moved),
}
