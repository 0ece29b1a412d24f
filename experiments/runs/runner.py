"""One episode of one spec, wherever it runs; environment and agent are made once a process."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import envs
from agents.base import Tier
from envs.errors import PhysicsError, UserError
from envs.goals import make_goals
from envs.sim_env import bare
from experiments.runs.agent_facts import made_of
from experiments.runs.episode import EpisodeResult, run_episode
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore
from worldsim.files import write_atomically

PROBE_SEED = 190_999


@dataclass(frozen=True)
class Work:
    """An episode to run and where its result goes."""

    spec: RunSpec
    seed: int
    folder: Path


@dataclass(frozen=True)
class Done:
    """What became of it.

    Attributes:
        work: what was run.
        success: of the episode.
        error: what the agent raised, if it did; nothing was stored then.
    """

    work: Work
    success: bool = False
    error: str | None = None


@dataclass
class Runner:
    """Environment and agent of one spec, made once and used for many seeds.

    Its ``spec`` names the agent's weights and the counts of its planner, whether the one it was
    given did or not.

    Raises:
        UserError: when there is no such agent, it does not fit the task, or its weights are not
            those that the spec names.
    """

    spec: RunSpec
    tier: Tier = field(init=False)
    made_of: dict[str, Any] = field(init=False)
    agent: Any = field(init=False)

    def __post_init__(self) -> None:
        _limit_threads(self.spec.threads)
        spec = self.spec
        self._env_options = {
            "cameras": spec.cameras,
            "image_size": spec.image_size,
            "variation": spec.variation,
        }
        probe = envs.make(spec.task, obs_mode="state", **self._env_options)
        self.agent = _make_agent(spec, bare(probe).env_spec)
        spec = _with_weights(spec, getattr(self.agent, "weights_digest", None))
        self.spec = spec = _with_counts(spec, getattr(self.agent, "counts", None))
        self.tier = self.agent.tier
        self.made_of = made_of(self.agent, spec)
        keys = self.agent.observation_keys
        sees = any(key.startswith("image_") for key in keys)
        knows = "observation" in keys
        mode = "all" if sees and knows else "pixels" if sees else "state"
        self._env = envs.make(spec.task, obs_mode=mode, **self._env_options)

    def __call__(self, seed: int) -> EpisodeResult:
        """Run one episode."""
        _limit_threads(self.spec.threads)
        try:
            goals = make_goals(self.spec.task, seed, self.spec.goal, **self._env_options)
        except PhysicsError:  # of the expert's own attempt: there is nothing to photograph
            goals = None
        return run_episode(self._env, self.agent, seed, goals)

    @property
    def budget(self) -> int:
        """Control steps an episode may take."""
        return bare(self._env).env_spec.budget

    def probe(self, steps: int) -> None:
        """Begin an episode on a seed for such things, to be timed."""
        _limit_threads(self.spec.threads)
        goals = make_goals(self.spec.task, PROBE_SEED, self.spec.goal, **self._env_options)
        observation, _ = self._env.reset(seed=PROBE_SEED)
        assert goals is not None, "the expert solves this seed"
        self.agent.reset(goals, np.random.default_rng(0))
        for _ in range(steps):
            seen = {key: observation[key] for key in self.agent.observation_keys}
            observation, *_ = self._env.step(self.agent.act(seen))


# Work comes run by run, so few are needed at a time, and each may hold a large model.
_KEPT = 2
_RUNNERS: dict[str, Runner] = {}
_BROKEN: dict[str, str] = {}


def runner(spec: RunSpec) -> Runner:
    """This process's runner of a spec; a spec without its weights' digest is looked at anew.

    Raises:
        UserError: as ``Runner`` does.
    """
    if spec.key in _RUNNERS:
        return _RUNNERS[spec.key]
    while len(_RUNNERS) >= _KEPT:
        del _RUNNERS[next(iter(_RUNNERS))]
    made = Runner(spec)
    _RUNNERS[made.spec.key] = made
    return made


def _with_weights(spec: RunSpec, digest: str | None) -> RunSpec:
    """The spec with the digest of the weights that are there."""
    if spec.weights not in (None, digest):
        raise UserError(
            f"the weights of {spec.agent} are {digest}, but the run is of {spec.weights}: they "
            "were replaced meanwhile, or another machine has others"
        )
    return replace(spec, weights=digest)


def _with_counts(spec: RunSpec, counts: Mapping[str, int] | None) -> RunSpec:
    """The spec with what a budget came to."""
    return spec if counts is None else replace(spec, options=spec.options | {"counts": {**counts}})


def work_off(work: Work) -> Done:
    """Run an episode and store it. Only what concerns the folder is raised (a full disk)."""
    if work.spec.key in _BROKEN:
        return Done(work, error=_BROKEN[work.spec.key])
    try:
        found = runner(work.spec)
        result = found(work.seed)
    except UserError as error:
        _BROKEN[work.spec.key] = str(error)
    except Exception as error:  # noqa: BLE001 - one broken agent must not end a sweep of many
        place = work.folder / "error.txt"
        write_atomically(place, traceback.format_exc())
        _BROKEN[work.spec.key] = f"{type(error).__name__}: {error} (traceback in {place})"
    if work.spec.key in _BROKEN:
        return Done(work, error=_BROKEN[work.spec.key])
    RunStore(work.folder, work.spec).append(result, found.tier.name)
    return Done(work, success=result.row["success"])


def _make_agent(spec: RunSpec, env_spec: envs.EnvSpec) -> Any:
    from agents.base import make_agent

    return make_agent(spec.agent, env_spec, **spec.options)


def _limit_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
