"""Steps and frames per second, arms in processes of their own.

Options and help: ``experiments.options.bench_env``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import envs
from envs.errors import UserError
from experiments.bench.results import check_results, show
from experiments.options.bench_env import BenchEnvConfig, BenchRenderConfig
from experiments.report.episodes import StoredEpisode
from experiments.report.frames import Look
from experiments.report.video import render
from experiments.runs.arms import Arm
from experiments.runs.driver import complete
from experiments.runs.executors import InProcess, prepare_worker
from experiments.runs.spec import RunSpec

SIZES = (64, 128, 256)
MESA_DEFAULT, SAME_GL = "Mesa's default threads", "the same GL setting as ours"
GL_SETTINGS = (MESA_DEFAULT, SAME_GL)
"""How Lift is drawn: as its users find it, and as we draw. Which is faster depends on how busy the
machine is."""
LIFT_STEPS_PER_SLICE = 20
VIDEOS = 12


def bench_env(config: BenchEnvConfig) -> None:
    """Steps per second of ours against stock robosuite Lift at 4 Hz."""
    check_results(config.json)
    if config.rounds < 1:
        raise UserError("at least 1 round is needed")
    arms: dict[str, Callable[[], Callable[[], float]]] = {
        f"worldsim, one {size} px image": partial(_ours, "pixels", size) for size in SIZES
    }
    arms["worldsim, no image"] = partial(_ours, "state", 128)
    arms["worldsim, seconds per reset"] = _our_resets
    for workers in (1, 2):
        arms[f"worldsim, {workers} worker(s), one 128 px image"] = partial(_vector, workers)
    if importlib.util.find_spec("robosuite"):
        for gl in GL_SETTINGS:
            arms[f"robosuite Lift, one 128 px image, {gl}"] = partial(_lift, camera=True, gl=gl)
        arms["robosuite Lift, no image"] = partial(_lift, camera=False)
        arms["robosuite Lift, seconds per reset"] = _lift_resets
    samples: dict[str, list[float]] = {name: [] for name in arms}
    with contextlib.ExitStack() as stack:
        apart = {name: stack.enter_context(Apart(make)) for name, make in arms.items()}
        for _ in range(config.rounds):
            for name, arm in apart.items():
                samples[name].append(arm.measure())
    medians = {name: float(np.median(values)) for name, values in samples.items()}
    results = {"medians": medians, "ratios": ratios(medians), "samples": samples}
    show(results, _table(results), config.json)


def ratios(medians: dict[str, float]) -> dict[str, float]:
    """Our rates over Lift's, for every way in which Lift was measured."""
    found = {}
    for name, rate in medians.items():
        theirs, _, what = name.partition(", ")
        ours = medians.get(f"worldsim, {what.partition(', ')[0]}")
        if theirs == "robosuite Lift" and "per reset" not in what and ours is not None:
            found[what] = ours / rate
    return found


def bench_render(config: BenchRenderConfig) -> None:
    """Frames per second of the renderer alone, and of videos drawn from stored episodes."""
    check_results(config.json)
    if config.frames < 1:
        raise UserError("at least 1 frame is needed")
    env: Any = envs.make("pick-place", obs_mode="state").unwrapped
    env.reset(seed=190_000)
    medians = {}
    for size in SIZES:
        times = []
        env.picture("left", size)
        for _ in range(config.frames):
            start = time.perf_counter()
            env.picture("left", size)
            times.append(time.perf_counter() - start)
        medians[f"{size} px, frames per second"] = 1.0 / float(np.median(times))
    medians[f"{Look().size} px videos of stored episodes, frames per second"] = _videos()
    results = {"medians": medians}
    show(results, _table(results), config.json)


def _videos() -> float:
    """Stored states to MP4 with all overlays, frames per second."""
    with tempfile.TemporaryDirectory() as name:
        spec, folder = RunSpec("random", "grasp", threads=1), Path(name) / "run"
        seeds = tuple(range(190_000, 190_000 + VIDEOS))
        complete({folder: spec}, seeds, InProcess(), "episodes")
        episodes = StoredEpisode.all_of(Arm.of(folder))
        render(episodes[:1], Path(name) / "first", Look())
        frames: int = sum(episode.row["steps"] + 1 for episode in episodes)
        start = time.perf_counter()
        for episode in episodes:
            render([episode], Path(name) / "videos", Look())
        return frames / (time.perf_counter() - start)


class Apart:
    """An arm of a benchmark in a process of its own.

    Args:
        make: called there; returns what measures one slice.
    """

    def __init__(self, make: Callable[[], Callable[[], float]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, initializer=_prepare, initargs=(make,))

    def measure(self) -> float:
        """One slice."""
        return self._pool.submit(_measure).result()

    def __enter__(self) -> Apart:
        self.measure()  # what is done once (scenes, shaders, compilers) is not measured
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


_arm: Callable[[], float]  # of the process that ``Apart`` started


def _prepare(make: Callable[[], Callable[[], float]]) -> None:
    global _arm
    prepare_worker()
    _arm = make()


def _measure() -> float:
    return _arm()


def _table(results: dict[str, Any]) -> str:
    return "\n".join(
        f"{section[:-1]:7} {name:61} {value:9.3f}"
        for section in ("medians", "ratios")
        for name, value in results.get(section, {}).items()
    )


def _rate(step: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    return count / (time.perf_counter() - start)


def _ours(mode: str, size: int) -> Callable[[], float]:
    env = envs.make("grasp", obs_mode=mode, image_size=size).unwrapped
    rng = np.random.default_rng(0)
    env.reset(seed=190_000)
    return lambda: _rate(lambda: env.step(rng.uniform(-1, 1, 7)), 60)


def _our_resets() -> Callable[[], float]:
    env = envs.make("grasp", obs_mode="state")
    seeds = iter(range(190_000, 191_000))
    env.reset(seed=190_999)
    return lambda: 1.0 / _rate(lambda: env.reset(seed=next(seeds)), 20)


def _vector(workers: int) -> Callable[[], float]:
    import gymnasium as gym

    vector = gym.vector.AsyncVectorEnv(
        [lambda: envs.make("grasp", obs_mode="pixels") for _ in range(workers)], context="spawn"
    )
    vector.reset(seed=190_000)
    rng = np.random.default_rng(0)
    return lambda: workers * _rate(lambda: vector.step(rng.uniform(-1, 1, (workers, 7))), 40)


def _make_lift(camera: bool, gl: str = SAME_GL) -> Any:
    """Stock Lift, drawn with one of ``GL_SETTINGS``."""
    if gl == MESA_DEFAULT:
        os.environ.pop("LP_NUM_THREADS", None)
    with contextlib.redirect_stdout(io.StringIO()):
        import robosuite

        logging.getLogger("robosuite_logs").setLevel(logging.ERROR)
        return robosuite.make(
            "Lift",
            robots="Panda",
            control_freq=4,
            horizon=10_000,
            has_renderer=False,
            has_offscreen_renderer=camera,
            use_camera_obs=camera,
            camera_names="agentview",
            camera_heights=128,
            camera_widths=128,
        )


def _lift(camera: bool, gl: str = SAME_GL) -> Callable[[], float]:
    env = _make_lift(camera, gl)
    env.reset()
    rng = np.random.default_rng(0)
    return lambda: _rate(lambda: env.step(rng.uniform(-1, 1, env.action_dim)), LIFT_STEPS_PER_SLICE)


def _lift_resets() -> Callable[[], float]:
    env = _make_lift(camera=False)
    return lambda: 1.0 / _rate(env.reset, 2)
