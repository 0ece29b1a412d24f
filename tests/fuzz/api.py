"""Wrong inputs of the Python interface: options, actions, states, goals, folders.

Right is an answer, or one of the errors that the interface names: ``UserError`` (both, and what is
derived from them), Gymnasium's own, ``PhysicsError``.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import envs
from agents import make_agent
from agents.base import AGENTS
from envs.errors import PhysicsError, UserError
from envs.goals import GoalSequence, make_goals
from envs.options import EnvOptions
from experiments.runs.seeds import parse_seeds
from tests.fuzz.damage import HTML, VALUES, Damage, damages
from tests.fuzz.garden import Garden
from worldsim import load_world_model
from worldsim.data import TrajectoryDataset
from worldsim.errors import UserError as WorldsimError

NAMED = (UserError, WorldsimError, gym.error.Error, PhysicsError)


@dataclass(frozen=True)
class Call:
    """A wrong call.

    Attributes:
        area: what of the interface.
        kind: what is wrong, in a word or two.
        act: calls; given a folder with what is needed.
        refused: whether a call that returns is a fault.
        needs, damage: as of ``Input``.
    """

    area: str
    kind: str
    act: Callable[[Path], Any]
    refused: bool = True
    needs: tuple[str, ...] = ()
    damage: tuple[str, Damage] | None = None


NUMBERS = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.complex64, "U3", "O"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
    elements=None,
    fill=None,
)
JUNK = st.one_of(VALUES, NUMBERS, st.binary(max_size=8), st.just(object()))
_BAD = st.sampled_from([np.nan, np.inf, -np.inf])
ACTIONS = st.one_of(
    JUNK.filter(lambda given: np.shape(given) != (7,) if not isinstance(given, dict) else True),
    st.builds(
        lambda place, bad: np.where(np.arange(7) == place, bad, 0.0), st.integers(0, 6), _BAD
    ),
    st.integers(0, 99).filter(lambda n: n != 7).map(np.zeros),
)


@cache
def _env(task: str = "grasp") -> Any:
    env = envs.make(task, obs_mode="state").unwrapped
    env.reset(seed=100_000)
    return env


@cache
def _saved() -> dict[str, Any]:
    state: dict[str, Any] = _env().get_state()
    return state


def _fresh_state() -> dict[str, Any]:
    return dict(pickle.loads(pickle.dumps(_saved())))


def _step(action: Any) -> Callable[[Path], Any]:
    def act(folder: Path) -> None:
        _env().set_state(_fresh_state())
        _env().step(action)

    return act


def _set_state(state: Any) -> Callable[[Path], Any]:
    def act(folder: Path) -> None:
        _env().set_state(state)
        _env().step(np.zeros(7))

    return act


def _states() -> st.SearchStrategy[Call]:
    keys = sorted(_saved())
    return st.one_of(
        JUNK.map(lambda state: Call("set_state", "no state", _set_state(state))),
        st.builds(
            lambda key: Call(
                "set_state",
                "an entry gone",
                _set_state({k: v for k, v in _fresh_state().items() if k != key}),
            ),
            st.sampled_from(keys),
        ),
        st.builds(
            lambda key, value: Call(
                "set_state",
                f"another {key}",
                _set_state(_fresh_state() | {key: value}),
                refused=False,
            ),
            st.sampled_from(keys),
            JUNK,
        ),
    )


def _make_options() -> st.SearchStrategy[Call]:
    names = [field.name for field in fields(EnvOptions) if field.name != "task"]
    odd = JUNK.filter(lambda value: value is not None)
    return st.one_of(
        st.builds(
            lambda name, value: Call(
                "envs.make",
                f"another {name}",
                lambda _: envs.make("reach", **{name: value}),
                refused=False,
            ),
            st.sampled_from(names),
            odd,
        ),
        st.builds(
            lambda name, value: Call(
                "envs.make",
                "unknown option",
                lambda _: envs.make("reach", **{f"x{name}": value}),
            ),
            st.text(max_size=8),
            VALUES,
        ),
        JUNK.map(lambda task: Call("envs.make", "no task", lambda _: envs.make(task))),
    )


def _resets() -> st.SearchStrategy[Call]:
    seeds = JUNK.filter(lambda seed: seed is not None and not isinstance(seed, int))
    options = st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=2)
    return st.one_of(
        seeds.map(lambda seed: Call("reset", "no seed", lambda _: _env().reset(seed=seed))),
        st.integers(max_value=-1).map(
            lambda seed: Call("reset", "no seed", lambda _: _env().reset(seed=seed))
        ),
        options.map(lambda given: Call("reset", "options", lambda _: _env().reset(options=given))),
    )


def _goals() -> st.SearchStrategy[Call]:
    odd = JUNK.filter(lambda value: value is not None)
    return st.one_of(
        odd.map(lambda task: Call("make_goals", "no task", lambda _: make_goals(task, 100_000))),
        odd.filter(lambda seed: not isinstance(seed, int)).map(
            lambda seed: Call("make_goals", "no seed", lambda _: make_goals("reach", seed))
        ),
        odd.map(
            lambda mode: Call("make_goals", "no mode", lambda _: make_goals("reach", 100_000, mode))
        ),
        odd.filter(lambda value: not isinstance(value, list | dict) and np.size(value) > 0).map(
            lambda value: Call(
                "make_goals",
                "no camera",
                lambda _: make_goals("reach", 100_000, cameras=value, image_size=32),
            )
        ),
    )


AT_ONCE = ("expert", "random", "sac-her", "ppo", "servo", "gc-bc", "octo-like")


@cache
def _agent(name: str) -> Any:
    return make_agent(name, _env("reach").env_spec)


def _agents() -> st.SearchStrategy[Call]:
    spec = envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20)
    names = st.sampled_from(AT_ONCE)
    return st.one_of(
        JUNK.map(lambda name: Call("make_agent", "no agent", lambda _: make_agent(name, spec))),
        st.builds(
            lambda name, option: Call(
                "make_agent",
                "unknown option",
                lambda _: make_agent(name, spec, **{f"x{option}": 1}),
            ),
            st.sampled_from(sorted(AGENTS)),
            st.text(max_size=5),
        ),
        st.builds(
            lambda name, model: Call(
                "make_agent",
                "no model",
                lambda _: make_agent(name, spec, model=model),
            ),
            st.sampled_from(["ppo", "servo", "gc-bc", "octo-like"]),
            st.sampled_from(["", "nowhere", HTML, "/dev/null", "/", "a\0b", 5, [], {}, b"x"]),
        ),
        st.builds(
            lambda name, goal: Call(
                "agent.reset",
                "no goal",
                lambda _: make_agent(name, spec).reset(goal, np.random.default_rng(0)),
                refused=name not in ("expert", "random", "sac-her", "ppo"),
            ),
            names,
            JUNK,
        ),
        st.builds(
            lambda observation: Call(
                "agent.act", "no observation", lambda _: _begun("sac-her").act(observation)
            ),
            JUNK,
        ),
        st.builds(
            lambda value: Call(
                "agent.act",
                "another shape",
                lambda _: _begun("sac-her").act(
                    dict.fromkeys(_begun("sac-her").observation_keys, value)
                ),
            ),
            JUNK,
        ),
    )


@cache
def _begun(name: str) -> Any:
    agent = make_agent(name, envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20))
    agent.reset(GoalSequence({}, (), ()), np.random.default_rng(0))
    return agent


def _folders(garden: Garden, name: str, act: Callable[[Path], Any]) -> st.SearchStrategy[Call]:
    whole = garden.path(name)
    files = [whole] if whole.is_file() else sorted(p for p in whole.rglob("*") if p.is_file())

    def of(path: Path) -> st.SearchStrategy[Call]:
        relative = str(path.relative_to(garden.folder))
        return damages(path).map(
            lambda damage: Call(
                *(act.__name__, f"{path.suffix}: {damage.kind}", lambda folder: act(folder / name)),
                *(False, (name,), (relative, damage)),
            )
        )

    return st.one_of([of(path) for path in files])


def open_set(path: Path) -> None:
    """Read all of a data set."""
    data = TrajectoryDataset(path)
    for index in range(len(data)):
        data.episode(index)


def open_ppo(path: Path) -> None:
    """Make an agent of a folder."""
    make_agent("ppo", _env("reach").env_spec, model=str(path))


def open_gc_bc(path: Path) -> None:
    """Make an agent of a folder, on the shipped world model."""
    spec = envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20)
    make_agent("gc-bc", spec, model=str(path))


def areas(garden: Garden) -> dict[str, st.SearchStrategy[Call]]:
    """Name -> calls, of everything in the Python interface."""
    return {
        "envs.make": _make_options(),
        "env.reset": _resets(),
        "env.step": ACTIONS.map(lambda action: Call("step", "no action", _step(action))),
        "env.set_state": st.deferred(_states),
        "make_goals": _goals(),
        "agents": _agents(),
        "load_world_model": st.deferred(lambda: _folders(garden, "model", load_world_model)),
        "load_world_model, official": st.deferred(
            lambda: _folders(garden, "released.pt", load_world_model)
        ),
        "make_agent, ppo": st.deferred(lambda: _folders(garden, "ppo", open_ppo)),
        "make_agent, gc-bc": st.deferred(lambda: _folders(garden, "gc-bc", open_gc_bc)),
        "TrajectoryDataset": st.deferred(lambda: _folders(garden, "set", open_set)),
        "parse_seeds": st.text(max_size=12).map(
            lambda text: Call("parse_seeds", "no seeds", lambda _: parse_seeds(text), refused=False)
        ),
    }
