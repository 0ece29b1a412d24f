"""Which part of the world-model agent holds success back, by oracles.

Options and help: ``experiments.options.diagnose``.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import envs
from agents.subgoals import arrived
from agents.world_model import WorldModelAgent
from envs.env import ManipulationEnv
from envs.goals import expert_looks, make_goals
from envs.spec import check_choice
from envs.task import GOAL_MODES
from experiments.analysis.failures import failure_mode
from experiments.options.diagnose import ARMS, DiagnoseConfig
from experiments.report.episodes import StoredEpisode
from experiments.report.frames import Look
from experiments.report.video import render
from experiments.runs.arms import Arm
from experiments.runs.episode import run_episode
from experiments.runs.seeds import parse_seeds
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore
from worldsim.context import Context
from worldsim.files import write_atomically
from worldsim.world_model import WorldModel

Array = NDArray[np.float64]
_ARRIVED_OBJECT_M = 0.02


@dataclass(frozen=True)
class Truth:
    """What the expert's run was like when a goal picture was taken.

    Attributes:
        pose: (7,) achieved gripper pose.
        place: (3,) object centre, base frame.
    """

    pose: Array
    place: Array


class SimulatedImagination:
    """True dynamics in the predictor's place: a twin environment acts, draws and encodes."""

    def __init__(self, live: ManipulationEnv, model: WorldModel, cameras: tuple[str, ...]) -> None:
        self.live, self.model, self.cameras = live, model, cameras
        twin = envs.make(live.task, cameras=cameras, obs_mode="pixels").unwrapped
        assert isinstance(twin, ManipulationEnv)
        self.twin = twin
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
        super().__init__(live.env_spec, model)
        self.arm, self.live = arm, live
        self.truths: list[Truth] = []
        if arm == "true-dynamics":
            views = tuple(c for c in self.model.config.cameras if c in live.env_spec.cameras)
            self._imagine = SimulatedImagination(live, self.model, views)

    def _goal_pose(self, index: int, latent: Tensor, proprio: Array) -> Array:
        if self.arm == "privileged-pose":
            return self.truths[index].pose
        return super()._goal_pose(index, latent, proprio)

    def _arrived(self, index: int, latent: Tensor, proprio: Array) -> bool:
        if self.arm != "oracle-switching":
            return super()._arrived(index, latent, proprio)
        truth = self.truths[index]
        moved = float(np.linalg.norm(self.live.scene.object_position() - truth.place))
        return arrived(truth.pose, proprio) and moved < _ARRIVED_OBJECT_M


def main(config: DiagnoseConfig) -> None:
    """Run every arm, print one line each, write the diagnosis and the videos."""
    check_choice("task", config.task, tuple(envs.TASKS))
    check_choice("goal", config.goal, GOAL_MODES)
    arms, seeds = config.arms.split(","), parse_seeds(config.seeds)
    for arm in arms:
        check_choice("arm", arm, ARMS)
    torch.set_num_threads(config.threads)
    cameras, out = tuple(config.cameras.split(",")), Path(config.out)
    env = envs.make(config.task, cameras=cameras, obs_mode="pixels")
    live = env.unwrapped
    assert isinstance(live, ManipulationEnv)
    found: dict[str, Any] = {}
    for arm in arms:
        patient = Patient(arm, live, config.model)
        options = {"model": config.model} | ({} if arm == "shipped" else {"oracle": arm})
        spec = RunSpec(
            "world-model",
            config.task,
            config.goal,
            cameras,
            threads=config.threads,
            options=options,
            weights=patient.weights_digest,
        )
        store = RunStore(out / arm, spec)
        _run(env, patient, store, seeds)
        found[arm] = _describe(arm, live, store, seeds)
    text = json.dumps({"config": vars(config), "arms": found}, indent=1)
    write_atomically(out / "diagnosis.json", text + "\n")
    print(f"wrote {out / 'diagnosis.json'}")


def _run(env: Any, patient: Patient, store: RunStore, seeds: tuple[int, ...]) -> None:
    """The episodes that are still missing."""
    live, spec = patient.live, store.spec
    done = {row["seed"] for row in store.rows()}
    for seed in tqdm([s for s in seeds if s not in done], desc=patient.arm, unit="episode"):
        goals = make_goals(spec.task, seed, spec.goal, cameras=spec.cameras)
        env.reset(seed=seed)
        truths = expert_looks(live, spec.goal, lambda: _truth(live))
        patient.truths = list((truths or {}).values())
        store.append(run_episode(env, patient, seed, goals), patient.tier.name)


def _truth(env: ManipulationEnv) -> Truth:
    pose = np.asarray(env.observe()[0]["proprio"], dtype=np.float64)
    return Truth(pose, env.scene.object_position())


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
