"""Training data, each episode a function of its seed and the recipe alone.

Options and help: ``experiments.options.collect``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import envs
from envs.errors import PhysicsError, UserError
from envs.explorers import CONTACT_RANGE_M, contact_branches
from envs.options import EnvOptions
from envs.state import STATE
from experiments.data.presets import preset_named
from experiments.data.recorder import Recorder, meta_of
from experiments.options.collect import CollectConfig
from experiments.runs.executors import LocalPool
from worldsim.data import Episode, Packed, TrajectoryWriter, pack_episode

TRAINING_SEEDS = (0, 100_000)
BRANCH_STEPS = 5


def resolve(config: CollectConfig) -> CollectConfig:
    """Fill in the preset; a ValueError says what is wrong."""
    preset = preset_named(config.preset)
    count = preset.seeds if config.seeds is None else config.seeds
    if count < 1 or config.first_seed < 0 or config.first_seed + count > TRAINING_SEEDS[1]:
        raise UserError(
            f"seeds {config.first_seed}:{config.first_seed + count} are not training seeds: "
            f"allowed are {TRAINING_SEEDS[0]}:{TRAINING_SEEDS[1]}"
        )
    if config.workers < 0:
        raise UserError(f"workers {config.workers}: allowed are 0, one per core, and more")
    EnvOptions("grasp", config.cameras, config.image_size)  # or an error that names the allowed
    workers = min(config.workers or os.cpu_count() or 1, count)
    return replace(config, seeds=count, workers=workers)


def main(config: CollectConfig) -> None:
    """Collect what is still missing of a data set."""
    config = resolve(config)
    assert config.seeds is not None
    preset = preset_named(config.preset)
    # What the tasks of a preset differ in, the set does not say.
    spec = envs.EnvSpec(preset.tasks[0], config.cameras, config.image_size, 0.25, preset.steps)
    meta = meta_of(spec, preset.recipe, preset.variations)
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
            frames += sum(len(item.episode) for item in group)
            bar.set_postfix(frames=frames)
            bar.update()


def _groups(config: CollectConfig, seeds: list[int]) -> Iterator[list[Packed]]:
    """The episodes of each seed, in the order of the seeds whatever the number of workers."""
    jobs = [(seed, config.preset, config.cameras, config.image_size) for seed in seeds]
    if config.workers == 1:
        yield from map(_job, jobs)
        return
    yield from LocalPool(config.workers).in_order(_job, jobs)


def _job(job: tuple[int, str, tuple[str, ...], int]) -> list[Packed]:
    """The episodes of a seed; none where the simulation diverged in one of them.

    Packed where they are made: one process that packs what sixteen send it holds them up.
    """
    try:
        return [pack_episode(episode) for episode in collect_seed(*job)]
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


def collect_seed(
    seed: int, preset: str, cameras: tuple[str, ...], image_size: int
) -> list[Episode]:
    """The main episode of a seed, then, for some, branches from one state near contact.

    Returns:
        Episodes; ``branch_of`` of a branch is its main episode's seed. None where the main one
        holds what is evaluated.

    Raises:
        PhysicsError: the simulation diverged: nothing of such a seed is worth keeping.
    """
    recipe = preset_named(preset)
    task, variation = _turn(recipe.tasks, seed), _turn(recipe.variations, seed)
    env = _env(task, cameras, image_size, variation)
    _, policy_stream, branch_stream = np.random.SeedSequence(seed).spawn(3)
    rng, branch_rng = np.random.default_rng(policy_stream), np.random.default_rng(branch_stream)
    recorder = Recorder(env)
    recorder.see(*env.reset(seed=seed))
    explorer = recipe.explorer(env, rng)
    near: list[tuple[int, dict[str, Any]]] = []
    places = [_places(env)]
    for step in range(recipe.steps):
        privileged = env.privileged()
        distance = np.linalg.norm(privileged["observation"][STATE["tool_to_object"]])
        if recipe.branched and env.task_spec.objects and distance < CONTACT_RANGE_M:
            near.append((step, env.get_state()))
        recorder.act(*explorer.act(privileged))
        places.append(_places(env))
        if explorer.finished:
            break
    if recipe.answers(env, np.stack(places)):
        print(f"seed {seed} is left out: it holds what is evaluated")
        return []
    episodes = [recorder.episode(seed, explorer.name, -1, -1)]
    if near and branch_rng.random() < recipe.branched:
        step, state = near[branch_rng.integers(len(near))]
        episodes += _branches(env, seed, step, state, branch_rng)
    return episodes


def _turn(choices: tuple[str, ...], seed: int) -> str:
    """Whose turn it is."""
    return choices[seed % len(choices)]


def _places(env: Any) -> NDArray[np.float64]:
    """(n, 3) centres of the objects."""
    places = [env.scene.object_position(index) for index in range(env.task_spec.objects)]
    return np.reshape(places, (-1, 3))


def _branches(
    env: Any, seed: int, step: int, state: dict[str, Any], rng: np.random.Generator
) -> list[Episode]:
    """Several futures of one state, each simulated."""
    episodes = []
    for name, actions in contact_branches(rng, BRANCH_STEPS):
        env.set_state(state)
        recorder = Recorder(env)
        recorder.see(*env.observe())
        for action in actions:
            recorder.act(action, action)
        episodes.append(recorder.episode(seed, name, seed, step))
    return episodes
