"""Which part of the world-model agent holds success back, by oracles.

Options and help: ``experiments.options.diagnose``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import envs
from agents.world_model import WorldModelAgent
from envs.env import ManipulationEnv
from envs.goals import GoalSequence, expert_looks, make_goals
from envs.spec import check_choice
from envs.task import GOAL_MODES
from experiments.analysis.failures import failure_mode
from experiments.analysis.parts import Truth, compare_parts, parts_table
from experiments.options.diagnose import ARMS, OF_A_VARIATION, DiagnoseConfig
from experiments.report.episodes import StoredEpisode
from experiments.report.frames import Look
from experiments.report.video import render
from experiments.runs.arms import Arm
from experiments.runs.choices import listed
from experiments.runs.episode import run_episode
from experiments.runs.seeds import check_purpose, parse_seeds
from experiments.runs.spec import USUAL_VARIATION, RunSpec
from experiments.runs.store import RunStore
from worldsim.context import Context
from worldsim.devices import use_threads
from worldsim.files import check_place, write_atomically
from worldsim.world_model import WorldModel

Array = NDArray[np.float64]

NOT_LOOKED_AT = ("training", "reported", "reserved")
"""Seeds whose failures nobody looks at: who does, retires them."""


class SimulatedImagination:
    """True dynamics in the predictor's place: a twin environment acts, draws and encodes."""

    def __init__(self, live: ManipulationEnv, model: WorldModel, cameras: tuple[str, ...]) -> None:
        self.live, self.model, self.cameras = live, model, cameras
        self.twin = _make(live.task, cameras, live.variation.name)
        self.twin.reset(seed=0)

    def __call__(self, context: Context, actions: Tensor) -> tuple[Tensor, Tensor]:
        """(S, H, 7) actions -> latents (S, H, N, D) and poses (S, H, 7), as they really follow."""
        state = self.live.get_state()
        seen = [self._play(state, candidate) for candidate in actions.numpy()]
        images = {
            camera: np.stack([o[f"image_{camera}"] for run in seen for o in run])
            for camera in self.cameras
        }
        latents = self.model.encode(images).unflatten(0, actions.shape[:2])
        poses = np.stack([[o["proprio"] for o in run] for run in seen])
        return latents, torch.as_tensor(poses, dtype=torch.float32)

    def _play(self, state: dict[str, Any], actions: NDArray[np.float32]) -> list[dict[str, Any]]:
        self.twin.set_state(state)
        return [self.twin.step(action)[0] for action in actions]


class Patient(WorldModelAgent):
    """The world-model agent with one part exchanged; ``truths`` are set before each episode."""

    def __init__(self, arm: str, live: ManipulationEnv, model: str) -> None:
        planner = "policy" if arm == "proposals" else "cem"
        super().__init__(live.env_spec, model, planner=planner)
        self.arm, self.live = arm, live
        self.truths: list[Truth] = []
        if arm == "true-dynamics":
            self._imagine = SimulatedImagination(live, self.model, self.views)

    def reset(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode towards goal pictures, those of the plain look if it sees by that."""
        if self.arm == "plain-look":
            images = {c: np.stack([truth.plain[c] for truth in self.truths]) for c in goal.images}
            goal = replace(goal, images=images)
        super().reset(goal, rng)

    def act(self, observation: Mapping[str, NDArray[Any]]) -> Array:
        """Action (7,) in [-1, 1] for an observation, or for the plain look of the same state."""
        if self.arm == "plain-look":
            with self.live.plain_look():
                plain = {f"image_{c}": self.live.picture(c) for c in self.spec.cameras}
            observation = {**observation, **plain}
        return super().act(observation)

    def _goal_pose(self, index: int, latent: Tensor, proprio: Array) -> Array:
        if self.arm == "privileged-pose":
            return self.truths[index].pose
        return super()._goal_pose(index, latent, proprio)

    def _arrived(self, index: int, latent: Tensor, proprio: Array) -> bool:
        if self.arm != "oracle-switching":
            return super()._arrived(index, latent, proprio)
        return self.truths[index].brought_about(proprio, self.live.scene.object_position())


def main(config: DiagnoseConfig) -> None:
    """Run every arm, print one line each, write the diagnosis and the videos."""
    check_choice("task", config.task, tuple(envs.TASKS))
    check_choice("goal", config.goal, GOAL_MODES)
    varied = config.variation != USUAL_VARIATION
    allowed = (*ARMS, *OF_A_VARIATION) if varied else ARMS
    arms = allowed if config.arms is None else listed("arm", config.arms)
    for arm in arms:
        check_choice("arm", arm, allowed)
    seeds, out = parse_seeds(config.seeds), Path(config.out)
    if not config.force:
        check_purpose(seeds, NOT_LOOKED_AT, "diagnoses", "development")
    check_place(out / "diagnosis.json")
    use_threads(config.threads)
    cameras = listed("camera", config.cameras)
    live = _make(config.task, cameras, config.variation)
    plain = _make(config.task, cameras, USUAL_VARIATION) if varied else live
    found = {arm: _arm(arm, plain if arm == "plain-scene" else live, config, seeds) for arm in arms}
    diagnosis: dict[str, Any] = {"config": vars(config), "arms": found}
    if varied:
        model = Patient("shipped", live, config.model).model
        diagnosis["parts"] = compare_parts(model, plain, live, seeds, config.goal)
        print(parts_table(diagnosis["parts"]))
    write_atomically(out / "diagnosis.json", json.dumps(diagnosis, indent=1) + "\n")
    print(f"wrote {out / 'diagnosis.json'}")


def _make(task: str, cameras: tuple[str, ...], variation: str) -> ManipulationEnv:
    env = envs.make(task, cameras=cameras, obs_mode="pixels", variation=variation).unwrapped
    assert isinstance(env, ManipulationEnv)
    return env


def _arm(
    arm: str, live: ManipulationEnv, config: DiagnoseConfig, seeds: tuple[int, ...]
) -> dict[str, Any]:
    """Run one arm and describe it."""
    patient = Patient(arm, live, config.model)
    spec = RunSpec(
        "world-model",
        config.task,
        config.goal,
        live.env_spec.cameras,
        variation=live.variation.name,
        threads=config.threads,
        options={"model": config.model} | ({} if arm == "shipped" else {"oracle": arm}),
        weights=patient.weights_digest,
    )
    store = RunStore(Path(config.out) / arm, spec)
    _run(patient, store, seeds)
    return _describe(arm, live, store, seeds)


def _run(patient: Patient, store: RunStore, seeds: tuple[int, ...]) -> None:
    """The episodes that are still missing."""
    live, spec = patient.live, store.spec
    done = {row["seed"] for row in store.rows()}
    scene = {"cameras": spec.cameras, "variation": spec.variation}
    for seed in tqdm([s for s in seeds if s not in done], desc=patient.arm, unit="episode"):
        goals = make_goals(spec.task, seed, spec.goal, **scene)
        live.reset(seed=seed)
        truths = expert_looks(live, spec.goal, lambda: Truth.of(live))
        patient.truths = list((truths or {}).values())
        store.append(run_episode(live, patient, seed, goals), patient.tier.name)


def _describe(
    arm: str, live: ManipulationEnv, store: RunStore, seeds: tuple[int, ...]
) -> dict[str, Any]:
    """Success, failure modes by seed, and a video of the first failure of each mode."""
    summary = store.summarise(seeds)
    modes: dict[int, str] = {}
    for row in store.rows():
        seed = row["seed"]
        if row["success"] or row["failure"] == "goal_failed" or seed not in seeds:
            continue
        live.reset(seed=seed)
        with np.load(store.folder / "states" / f"{seed}.npz") as file:
            mode = failure_mode(live, file["physics"])
        if mode not in modes.values():
            episode = StoredEpisode(Arm.of(store.folder), row)
            render([episode], store.folder / "videos" / mode.replace(" ", "-"), Look())
        modes[seed] = mode
    counts = dict(Counter(modes.values()).most_common())
    print(
        f"{arm:18} {summary['successes']}/{summary['n']} "
        f"[{summary['wilson_low']:.0%}, {summary['wilson_high']:.0%}]  {counts}"
    )
    return {"summary": summary, "failures": counts, "failure_of_seed": modes}
