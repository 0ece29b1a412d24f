"""Evaluate one agent on one task over a list of seeds.

    worldsim evaluate --agent world-model --task reach --seeds 200000:200200 --out runs/reach

Episodes run one at a time in each process and never share a generator: an outcome depends on the
seed and the spec alone, not on the number of workers. Ctrl-C keeps what is finished; the same
command goes on where it stopped.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

import envs
from agents.base import AGENTS, Tier
from envs.goals import MODES, make_goals
from envs.spec import CAMERAS, check_choice
from envs.variations import VARIATIONS
from experiments.agent_facts import made_of
from experiments.episode import EpisodeResult, run_episode
from experiments.seeds import parse_seeds
from experiments.store import RunSpec, RunStore


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``worldsim evaluate``.

    Attributes:
        agent: world-model, sac-her, expert, random, ...
        task: reach, grasp or pick-place.
        seeds: first:end (end excluded) or a comma list; 200000:210000 are for reported results.
        out: folder for the results; the same command on the same folder continues.
        goal: subgoals (the paper's pictures), dense (every stage) or final (one picture).
        cameras: comma list of left, right, wrist.
        planner: of the world-model agent: default, vjepa2-ac (the paper's), proposal or servo.
        model: folder of the agent's weights; for world-model and servo also a shipped name or
            V-JEPA 2-AC's released file.
        advance: arrival or schedule, how a pixel agent moves on to the next picture.
        execution: receding or ensemble, how octo-like uses its chunks of actions.
        variation: recipe of appearances.
        threads: of the numerical libraries; part of the result's specification.
        workers: processes; outcomes do not depend on it.
    """

    agent: str
    task: str
    seeds: str
    out: str
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    planner: str | None = None
    model: str | None = None
    advance: str | None = None
    execution: str | None = None
    variation: str = "default"
    threads: int = 2
    workers: int = 1


_ON_PICTURES = ("world-model", "servo", "octo-like", "gc-bc", "sac-latent")
# Which agents take which option of the command line.
OPTIONS: dict[str, tuple[str, ...]] = {
    "planner": ("world-model",),
    "model": (*_ON_PICTURES, "sac-her", "tqc-her", "ppo"),
    "advance": _ON_PICTURES,
    "execution": ("octo-like",),
}


def make_spec(config: EvaluateConfig) -> RunSpec:
    """Check every choice before anything runs; a ValueError names what is allowed."""
    check_choice("agent", config.agent, tuple(AGENTS))
    check_choice("task", config.task, tuple(envs.TASKS))
    check_choice("goal", config.goal, MODES)
    check_choice("variation", config.variation, tuple(VARIATIONS))
    cameras = tuple(config.cameras.split(","))
    for camera in cameras:
        check_choice("camera", camera, CAMERAS)
    if config.threads < 1 or config.workers < 1:
        raise ValueError(
            f"threads and workers must be at least 1, got {config.threads}, {config.workers}"
        )
    options: dict[str, Any] = {}
    given = {
        "planner": config.planner,
        "model": config.model,
        "advance": config.advance,
        "execution": config.execution,
    }
    for name, value in given.items():
        if value is None:
            continue
        if config.agent not in OPTIONS[name]:
            takers = ", ".join(OPTIONS[name])
            raise ValueError(f"{name} is an option of {takers}, not of {config.agent}")
        options[name] = value
    return RunSpec(
        config.agent,
        config.task,
        config.goal,
        cameras,
        variation=config.variation,
        threads=config.threads,
        options=options,
    )


def main(config: EvaluateConfig) -> None:
    """Run what is missing, then print and write the summary."""
    summary = evaluate(
        make_spec(config), parse_seeds(config.seeds), Path(config.out), config.workers
    )
    print(describe(summary))


def describe(summary: dict[str, Any]) -> str:
    """One line for people."""
    seconds = summary["median_seconds_per_action"]
    speed = "" if seconds is None else f", {1000 * seconds:.0f} ms per action"
    return (
        f"{summary['agent']} on {summary['task']} ({summary['goal']}): "
        f"{summary['successes']}/{summary['n']} = {summary['success_rate']:.1%} "
        f"[{summary['wilson_low']:.1%}, {summary['wilson_high']:.1%}]{speed}"
    )


def evaluate(
    spec: RunSpec, seeds: tuple[int, ...], folder: Path, workers: int = 1
) -> dict[str, Any]:
    """Run the episodes of a spec that a folder does not hold yet.

    Args:
        spec: what to run.
        seeds: on which starts.
        folder: results.
        workers: processes.

    Returns:
        The summary over ``seeds``.
    """
    # An agent that cannot be made is a mistake to report before any folder appears.
    runner = Runner(spec)
    store = RunStore(folder, spec)
    done = {row["seed"] for row in store.rows()}
    todo = [seed for seed in seeds if seed not in done]
    solved = sum(row["success"] for row in store.rows() if row["seed"] in set(seeds))
    bar = tqdm(
        total=len(seeds),
        initial=len(seeds) - len(todo),
        unit="episode",
        desc=f"{spec.agent} {spec.task}",
        smoothing=0.0,
    )
    with bar:
        for result in _results(spec, runner, todo, workers):
            store.append(result, runner.tier.name)
            solved += result.row["success"]
            bar.update()
            bar.set_postfix(success=f"{solved / bar.n:.0%}")
    return store.summarise(seeds, {"made_of": runner.made_of})


def _results(
    spec: RunSpec, runner: Runner, seeds: list[int], workers: int
) -> Iterator[EpisodeResult]:
    if workers == 1 or len(seeds) <= 1:
        yield from map(runner, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_run_in_worker, spec, seed) for seed in seeds]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@dataclass
class Runner:
    """Environment and agent of one spec, made once and used for many seeds."""

    spec: RunSpec
    tier: Tier = field(init=False)
    made_of: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        _limit_threads(self.spec.threads)
        spec = self.spec
        self._env_options = {
            "cameras": spec.cameras,
            "image_size": spec.image_size,
            "variation": spec.variation,
        }
        probe = envs.make(spec.task, obs_mode="state", **self._env_options)
        self._agent = _make_agent(spec, probe.unwrapped.env_spec)  # type: ignore[attr-defined]
        self.tier = self._agent.tier
        self.made_of = made_of(self._agent, spec)
        keys = self._agent.observation_keys
        sees = any(key.startswith("image_") for key in keys)
        knows = "observation" in keys
        mode = "all" if sees and knows else "pixels" if sees else "state"
        self._env = envs.make(spec.task, obs_mode=mode, **self._env_options)

    def __call__(self, seed: int) -> EpisodeResult:
        """Run one episode."""
        goals = make_goals(self.spec.task, seed, self.spec.goal, **self._env_options)
        return run_episode(self._env, self._agent, seed, goals)


def _make_agent(spec: RunSpec, env_spec: envs.EnvSpec) -> Any:
    from agents.base import make_agent

    return make_agent(spec.agent, env_spec, **spec.options)


def _limit_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


_RUNNERS: dict[str, Runner] = {}


def _run_in_worker(spec: RunSpec, seed: int) -> EpisodeResult:
    if spec.key not in _RUNNERS:
        _RUNNERS[spec.key] = Runner(spec)
    return _RUNNERS[spec.key](seed)
