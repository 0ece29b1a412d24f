"""What an agent is, and how one is made from its name on the command line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError
from envs.spec import EnvSpec, check_choice

if TYPE_CHECKING:
    from envs.goals import GoalSequence


class Tier(Enum):
    """What an agent may see and how it learnt; tiers are never mixed in one ranking."""

    A = "privileged state"
    B = "image goal, online RL"
    C = "image goal, offline data"


@dataclass(frozen=True)
class Training:
    """What an agent took to make; a comparison prints it beside the score.

    Attributes:
        label: what to call the agent where there is room.
        parameters: numbers that were learnt and are used to act.
        environment_steps: transitions of its own practice in the simulator.
        demonstrations: episodes of the expert in its replay buffer.
        offline_frames: frames of the data set it learnt from.
        minutes: of training, in all its processes together, where that is known.
    """

    label: str
    parameters: int
    environment_steps: int = 0
    demonstrations: int = 0
    offline_frames: int = 0
    minutes: float | None = None


@runtime_checkable
class Agent(Protocol):
    """Anything that acts. The episode loop hands over ``observation_keys`` and nothing else.

    ``reset`` gets the goal pictures and the episode's own generator; ``act`` returns an action
    (7,) in [-1, 1]. An agent may offer ``diagnostics()`` (names -> numbers or arrays) about
    its last action, and, where it was trained, ``training: Training`` and ``weights_digest: str``,
    which names all weights it acts with by their content: results of other weights are another run.
    """

    observation_keys: tuple[str, ...]
    tier: Tier

    def reset(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode."""
        ...

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(7,) in [-1, 1]."""
        ...


class EpisodeAgent(ABC):
    """What our agents share: an episode is begun, with a goal they can read, then acted in.

    A subclass writes ``begin`` and ``decide``; these are called where ``reset`` and ``act`` are.

    Args:
        spec: the environment's interface.
        views: cameras whose goal pictures are looked at.
    """

    observation_keys: tuple[str, ...] = ()
    tier: Tier

    def __init__(self, spec: EnvSpec, views: tuple[str, ...] = ()) -> None:
        self.spec, self.views, self._begun = spec, views, False

    def reset(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode, whatever the last one left behind.

        Raises:
            UserError: the goal's pictures are of other cameras or shapes than the environment's; or
                no generator.
        """
        self._begun = False
        if not isinstance(rng, np.random.Generator):
            raise UserError(f"a generator is needed, as np.random.default_rng(seed), not {rng!r}")
        _check_goal(goal, self.views, self.spec.image_size)
        self.begin(goal, rng)
        self._begun = True

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(A,) in [-1, 1].

        Raises:
            UserError: there is no episode, or the observation lacks one of ``observation_keys``, or
                has it in another shape than the environment.
        """
        if not self._begun:
            raise UserError("there is no episode yet: call reset(goal, rng) before act")
        if not isinstance(observation, Mapping):
            kind = type(observation).__name__
            raise UserError(
                f"an observation is a dict of arrays, the first of what reset and step "
                f"return, not {kind}"
            )
        missing = [key for key in self.observation_keys if key not in observation]
        if missing:
            raise UserError(
                f"an observation of {', '.join(map(str, observation)) or 'nothing'} given: "
                "this agent reads "
                f"{', '.join(self.observation_keys)}"
            )
        _check_seen(observation, self.observation_keys, self.spec.image_size)
        return self.decide(observation)

    @abstractmethod
    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Forget the last episode and look at the goal of this one."""

    @abstractmethod
    def decide(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(A,) in [-1, 1] for an observation with all of ``observation_keys``."""


def _check_seen(seen: Mapping[str, Any], keys: tuple[str, ...], size: int) -> None:
    """Refuse pictures that are not as the environment draws them."""
    wanted = (size, size, 3)
    for key in keys:
        given = np.asarray(seen[key])
        if key.startswith("image_") and (given.shape != wanted or given.dtype != np.uint8):
            raise UserError(
                f"{key} has shape {given.shape} and type {given.dtype}: this agent needs {wanted} "
                "uint8, as the environment draws it"
            )


def _check_goal(goal: GoalSequence, views: tuple[str, ...], size: int) -> None:
    """Refuse a goal that an agent with these cameras, and this size, cannot read."""
    if goal is None:
        raise UserError("no goal given: make_goals has none where the scripted expert fails")
    if not isinstance(getattr(goal, "images", None), Mapping):
        raise UserError(f"a goal is what make_goals gives, not {goal!r}")
    if not set(views) <= set(goal.images):
        raise UserError(
            f"goal pictures of {', '.join(goal.images) or 'no camera'} given: this agent needs "
            f"{', '.join(views)}"
        )
    if views and not len(goal.budgets):
        raise UserError("a goal of no pictures given: at least one is needed")
    wanted = (len(goal.budgets), size, size, 3)
    for camera in views:
        pictures = goal.images[camera]
        if pictures.shape != wanted or pictures.dtype != np.uint8:
            raise UserError(
                f"goal pictures of {camera} have shape {pictures.shape} and type "
                f"{pictures.dtype}: this agent needs {wanted} uint8, as the environment draws them"
            )


def _factory(module: str, name: str, **fixed: Any) -> Callable[..., Agent]:
    def make(spec: EnvSpec, **options: Any) -> Agent:
        kind = getattr(import_module(module), name)
        _, *allowed = signature(kind).parameters
        for option in options:
            check_choice("option", option, tuple(o for o in allowed if o not in fixed))
        agent: Agent = kind(spec, **fixed, **options)
        return agent

    return make


# Modules are imported when an agent is made: torch loads only where it is used.
AGENTS: dict[str, Callable[..., Agent]] = {
    "world-model": _factory("agents.world_model", "WorldModelAgent"),
    "sac-her": _factory("agents.sb3", "SB3Agent", algorithm="sac-her"),
    "tqc-her": _factory("agents.sb3", "SB3Agent", algorithm="tqc-her"),
    "ppo": _factory("agents.sb3", "SB3Agent", algorithm="ppo"),
    "servo": _factory("agents.servo", "ServoAgent"),
    "octo-like": _factory("agents.octo", "OctoAgent"),
    "gc-bc": _factory("agents.gc_bc", "GcBcAgent"),
    "sac-latent": _factory("agents.sac_latent", "SacLatentAgent"),
    "expert": _factory("agents.scripted", "ExpertAgent"),
    "random": _factory("agents.random", "RandomAgent"),
}


def make_agent(name: str, env_spec: EnvSpec, **options: Any) -> Agent:
    """The agent of a name.

    Args:
        name: one of ``AGENTS``.
        env_spec: the environment's interface.
        **options: of the agent's own constructor.

    Raises:
        ValueError: for an unknown name or option, with the allowed ones; or no ``EnvSpec``.
    """
    check_choice("agent", name, tuple(AGENTS))
    if not isinstance(env_spec, EnvSpec):
        kind = type(env_spec).__name__
        raise UserError(f"an EnvSpec is needed, such as env.unwrapped.env_spec, and not {kind}")
    return AGENTS[name](env_spec, **options)
