"""One episode, gathered as it happens, and what a data set of such episodes says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.spec import EnvSpec
from envs.task import STAGES
from experiments.runs.versions import versions
from worldsim import poses
from worldsim.data import Episode


def meta_of(spec: EnvSpec, recipe: str, variations: Sequence[str]) -> dict[str, Any]:
    """The meta data of a set of episodes recorded here, as ``TrajectoryWriter`` takes them."""
    return {
        "versions": versions(),
        "cameras": list(spec.cameras),
        "image_size": spec.image_size,
        "control_period": spec.control_period,
        "action_scale": spec.action_scale.tolist(),
        "stages": list(STAGES),
        "recipe": recipe,
        "variations": list(variations),
    }


class Recorder:
    """Gathers one episode of an environment."""

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

    def act(
        self, taken: NDArray[np.float64], intended: NDArray[np.float64]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Step the env and record what was commanded and intended, in physical units.

        Returns:
            Observation and info afterwards.
        """
        scale = self.env.env_spec.action_scale
        taken = np.clip(taken, -1.0, 1.0).astype(np.float32)
        self.action.append(taken)
        self.commanded.append(taken * scale)
        self.intended.append(intended * scale)
        observation, _, _, _, info = self.env.step(taken)
        self.see(observation, info)
        return observation, info

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
