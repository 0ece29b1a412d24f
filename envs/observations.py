"""What is observed: one space, and one dictionary that fits it.

``proprio`` and ``target`` always; ``image_<camera>`` where pixels are asked for, and beside it
``depth_<camera>`` or ``bodies_<camera>`` where depth or segmentation is; ``observation``,
``achieved_goal`` and ``desired_goal`` (a GoalEnv's) where state is; further senses by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.depth import FARTHEST_M
from envs.scene import LARGEST_VELOCITY, Scene
from envs.segmentation import MOST_BODIES, NOTHING
from envs.spec import EnvSpec
from envs.state import state_size
from envs.task import Task, TaskSpec
from envs.vectors import Vector

POSE_BOUND = 4.0
"""Metres and radians stay inside."""


class Observer:
    """Observations of one environment.

    Args:
        task: declaration of the task.
        spec: cameras and image size.
        obs_mode: one of ``envs.spec.OBS_MODES``.
        vectors: further senses by name.
    """

    def __init__(
        self, task: TaskSpec, spec: EnvSpec, obs_mode: str, vectors: Mapping[str, Vector]
    ) -> None:
        self._task, self._spec, self._vectors = task, spec, vectors
        self._cameras = spec.cameras if obs_mode != "state" else ()
        self._mode = obs_mode
        self._state = obs_mode in ("state", "all")

    def space(self) -> spaces.Dict:
        """The space of ``observe``."""
        size, box = self._spec.image_size, spaces.Box
        entries: dict[str, spaces.Space[Any]] = {
            "proprio": box(-POSE_BOUND, POSE_BOUND, (7,), np.float32),
            "target": box(-POSE_BOUND, POSE_BOUND, (7,), np.float32),
        }
        for name, vector in self._vectors.items():
            entries[name] = box(vector.low, vector.high, (vector.size,), np.float32)
        for camera in self._cameras:
            entries[f"image_{camera}"] = box(0, 255, (size, size, 3), np.uint8)
            if self._mode == "depth":
                entries[f"depth_{camera}"] = box(0, FARTHEST_M, (size, size), np.float32)
            elif self._mode == "segmentation":
                entries[f"bodies_{camera}"] = box(NOTHING, MOST_BODIES, (size, size), np.int32)
        if self._state:
            numbers = state_size(self._task.objects)
            goal = box(-POSE_BOUND, POSE_BOUND, (self._task.goal_size,), np.float64)
            state = box(-LARGEST_VELOCITY, LARGEST_VELOCITY, (numbers,), np.float64)
            entries |= {"observation": state, "achieved_goal": goal, "desired_goal": goal}
        return spaces.Dict(entries)

    def observe(
        self,
        scene: Scene,
        rules: Task,
        goal: NDArray[np.float64],
        altered: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    ) -> dict[str, Any]:
        """New arrays of what there is to see; ``altered`` is what the episode does to pictures."""
        seen: dict[str, Any] = {
            "proprio": scene.controller.proprio(scene.data).astype(np.float32),
            "target": scene.controller.target.vector().astype(np.float32),
        }
        seen |= {name: vector(scene) for name, vector in self._vectors.items()}
        size = self._spec.image_size
        for camera in self._cameras:
            if self._mode == "depth":
                picture, seen[f"depth_{camera}"] = scene.rgbd(camera, size)
            else:
                picture = scene.picture(camera, size)
            if self._mode == "segmentation":
                seen[f"bodies_{camera}"] = scene.bodies(camera, size)
            seen[f"image_{camera}"] = altered(picture)
        if self._state:
            seen |= privileged(scene, rules, goal)
        return seen


def privileged(scene: Scene, rules: Task, goal: NDArray[np.float64]) -> dict[str, Any]:
    """What only privileged agents see: the entries of a GoalEnv."""
    return {
        "observation": scene.state_vector(),
        "achieved_goal": rules.achieved_goal(scene),
        "desired_goal": goal.copy(),
    }
