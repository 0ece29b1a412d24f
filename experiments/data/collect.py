"""Training data, each episode a function of its seed and the recipe alone.

Options and help: ``experiments.options.collect``.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import envs
from envs.errors import PhysicsError, UserError
from envs.explorers import CONTACT_RANGE_M, contact_branches, make_explorer
from envs.state import STATE
from envs.task import STAGES
from experiments.options.collect import CollectConfig
from experiments.runs.versions import versions
from worldsim import poses
from worldsim.data import Episode, TrajectoryWriter

TRAINING_SEEDS = (0, 100_000)
# Reach has the arm alone, so most of what is to be learnt is in the other two.
TASK_CYCLE = ("pick-place", "grasp", "pick-place", "pick-place", "grasp", "pick-place", "reach")
EPISODE_STEPS = 30
BRANCH_STEPS = 5
BRANCHED_SHARE = 0.4


@dataclass(frozen=True)
class Preset:
    """How many seeds, and the variations their episodes take turns with."""

    seeds: int
    variations: tuple[str, ...] = ("default",)


PRESETS = {
    "default": Preset(7200),
    # The plain scene keeps a share of its own, so that nothing is lost there.
    "diverse": Preset(4720, ("diverse", "diverse", "default", "diverse")),
    "tiny": Preset(8),
}


def resolve(config: CollectConfig) -> CollectConfig:
    """Fill in the preset; a ValueError says what is wrong."""
    if config.preset not in PRESETS:
        raise UserError(f"unknown preset {config.preset!r}: allowed are {', '.join(PRESETS)}")
    count = PRESETS[config.preset].seeds if config.seeds is None else config.seeds
    if count < 1 or config.first_seed < 0 or config.first_seed + count > TRAINING_SEEDS[1]:
        raise UserError(
            f"seeds {config.first_seed}:{config.first_seed + count} are not training seeds: "
            f"allowed are {TRAINING_SEEDS[0]}:{TRAINING_SEEDS[1]}"
        )
    workers = config.workers or os.cpu_count() or 1
    return replace(config, seeds=count, workers=workers)


def main(config: CollectConfig) -> None:
    """Collect what is still missing of a data set."""
    config = resolve(config)
    assert config.seeds is not None
    meta = {
        "versions": versions(),
        "cameras": list(config.cameras),
        "image_size": config.image_size,
        "control_period": 0.25,
        "action_scale": envs.EnvSpec("grasp", (), 128, 0.25, 30).action_scale.tolist(),
        "stages": list(STAGES),
        "recipe": "explorers-4",
        "variations": list(PRESETS[config.preset].variations),
    }
    with TrajectoryWriter(Path(config.out), meta) as writer:
        done = writer.seeds()
        todo = [
            seed
            for seed in range(config.first_seed, config.first_seed + config.seeds)
            if seed not in done
        ]
        if not todo:
            print(f"{config.out} is complete: {len(done)} seeds")
            return
        bar = tqdm(total=len(todo), unit="seed", desc="collect")
        frames = 0
        for group in _groups(config, todo):
            if group:
                writer.append_group(group)
            frames += sum(len(episode.proprio) for episode in group)
            bar.set_postfix(frames=frames)
            bar.update()


def _groups(config: CollectConfig, seeds: list[int]) -> Iterator[list[Episode]]:
    """The episodes of each seed, in the order of the seeds whatever the number of workers."""
    variations = PRESETS[config.preset].variations
    jobs = [
        (seed, config.cameras, config.image_size, variations[seed % len(variations)])
        for seed in seeds
    ]
    if config.workers == 1:
        yield from map(_job, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(config.workers) as pool:
        yield from pool.imap(_job, jobs, chunksize=2)


def _job(job: tuple[int, tuple[str, ...], int, str]) -> list[Episode]:
    """The episodes of a seed; none where the simulation diverged in one of them."""
    try:
        return collect_seed(*job)
    except PhysicsError as error:
        print(f"seed {job[0]} is left out: {error}")
        return []


_ENVS: dict[tuple[str, tuple[str, ...], int, str], Any] = {}


def _env(task: str, cameras: tuple[str, ...], image_size: int, variation: str) -> Any:
    """One environment per process and kind: scenes load once."""
    key = (task, cameras, image_size, variation)
    if key not in _ENVS:
        _ENVS[key] = envs.make(
            task, cameras=cameras, image_size=image_size, obs_mode="pixels", variation=variation
        ).unwrapped
    return _ENVS[key]


class _Recorder:
    """Gathers one episode."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.rows: dict[str, list[Any]] = {k: [] for k in ("proprio", "target", "physics", "stage")}
        self.images: dict[str, list[Any]] = {c: [] for c in env.env_spec.cameras}
        self.action: list[Any] = []
        self.commanded: list[Any] = []
        self.intended: list[Any] = []
        self.success = False

    def see(self, observation: dict[str, Any], info: dict[str, Any]) -> None:
        """Add a time step."""
        self.rows["proprio"].append(observation["proprio"])
        self.rows["target"].append(observation["target"])
        self.rows["physics"].append(self.env.state())
        self.rows["stage"].append(STAGES.index(info["stage"]))
        for camera, frames in self.images.items():
            frames.append(observation[f"image_{camera}"])
        self.success |= bool(info["is_success"])

    def act(self, taken: NDArray[np.float64], intended: NDArray[np.float64]) -> None:
        """Step the env and record what was commanded and intended, in physical units."""
        scale = self.env.env_spec.action_scale
        taken = np.clip(taken, -1.0, 1.0).astype(np.float32)
        self.action.append(taken)
        self.commanded.append(taken * scale)
        self.intended.append(intended * scale)
        observation, _, _, _, info = self.env.step(taken)
        self.see(observation, info)

    def episode(self, seed: int, policy: str, parent: int, step: int) -> Episode:
        """The finished episode."""
        proprio = np.stack(self.rows["proprio"])
        return Episode(
            images={c: np.stack(f) for c, f in self.images.items()},
            proprio=proprio,
            target=np.stack(self.rows["target"]),
            executed=poses.difference(proprio[:-1], proprio[1:]).astype(np.float32),
            commanded=np.stack(self.commanded).astype(np.float32),
            intended=np.stack(self.intended).astype(np.float32),
            physics=np.stack(self.rows["physics"]),
            seed=seed,
            task=self.env.task,
            policy=policy,
            stage=np.array(self.rows["stage"], dtype=np.int8),
            success=self.success,
            branch_of=parent,
            branch_step=step,
            action=np.stack(self.action),
        )


def collect_seed(
    seed: int, cameras: tuple[str, ...], image_size: int, variation: str = "default"
) -> list[Episode]:
    """The main episode of a seed, then, for some, branches from one state near contact.

    Returns:
        Episodes; ``branch_of`` of a branch is its main episode's seed.

    Raises:
        PhysicsError: the simulation diverged: nothing of such a seed is worth keeping.
    """
    task = TASK_CYCLE[seed % len(TASK_CYCLE)]
    env = _env(task, cameras, image_size, variation)
    _, policy_stream, branch_stream = np.random.SeedSequence(seed).spawn(3)
    rng, branch_rng = np.random.default_rng(policy_stream), np.random.default_rng(branch_stream)
    explorer = make_explorer(task, rng)
    recorder = _Recorder(env)
    recorder.see(*env.reset(seed=seed))
    near: list[tuple[int, dict[str, Any]]] = []
    for step in range(EPISODE_STEPS):
        privileged = env.privileged()
        distance = np.linalg.norm(privileged["observation"][STATE["tool_to_object"]])
        if env.task_spec.objects and distance < CONTACT_RANGE_M:
            near.append((step, env.get_state()))
        recorder.act(*explorer.act(privileged))
        if explorer.finished:
            break
    episodes = [recorder.episode(seed, explorer.name, -1, -1)]
    if near and branch_rng.random() < BRANCHED_SHARE:
        step, state = near[branch_rng.integers(len(near))]
        episodes += _branches(env, seed, step, state, branch_rng)
    return episodes


def _branches(
    env: Any, seed: int, step: int, state: dict[str, Any], rng: np.random.Generator
) -> list[Episode]:
    """Several futures of one state, each simulated."""
    episodes = []
    for name, actions in contact_branches(rng, BRANCH_STEPS):
        env.set_state(state)
        recorder = _Recorder(env)
        recorder.see(*env.observe())
        for action in actions:
            recorder.act(action, action)
        episodes.append(recorder.episode(seed, name, seed, step))
    return episodes
