"""Whole episodes of one task as a data set of Minari, where its own tools find it.

Observations are those of the environment, T of them, with T - 1 actions in [-1, 1]. Pictures are
stored as they are, not as JPEG. The reward is 1 at the last step of an episode that was solved, and
0 elsewhere: a data set keeps no more of it. Every episode ends cut off, none terminated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

import envs
from worldsim.data import TrajectoryDataset
from worldsim.data.episode import given_actions
from worldsim.errors import UserError


def export_minari(data: TrajectoryDataset, name: str, episodes: Sequence[int]) -> list[int]:
    """Write a Minari data set; returns the indices of the episodes that are in it.

    Args:
        data: the data set.
        name: as Minari's are named, such as "worldsim/grasp-v0".
        episodes: which; branches, which begin in the middle of others, are left out.

    Raises:
        UserError: Minari is not installed, has such a data set, or refuses the name; or the
            episodes are of several tasks.
    """
    try:
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError as error:
        raise UserError(f"Minari is missing ({error}): pip install 'worldsim[minari]'") from error
    whole = [index for index in episodes if data.column("branch_of")[index] < 0]
    tasks = sorted({str(data.column("task")[index]) for index in whole})
    if len(tasks) != 1:
        raise UserError(f"episodes of {', '.join(tasks) or 'no task'}: choose one by --task")
    if name in minari.list_local_datasets():
        raise UserError(f"Minari has a data set {name} already: give another name")
    env = _environment(tasks[0], data)
    buffers = (EpisodeBuffer(**_buffer(data, index)) for index in whole)
    try:
        made = minari.create_dataset_from_buffers(
            name,
            buffers,
            env=env,
            observation_space=_observations(data) if env is None else None,
            action_space=spaces.Box(-1.0, 1.0, (7,), np.float32) if env is None else None,
            description=f"{len(whole)} episodes of {tasks[0]}, collected by worldsim",
            jpeg_encoding=False,
        )
    except ValueError as error:
        raise UserError(f"Minari refuses {name!r}: {error}") from error
    assert made.total_episodes == len(whole)
    return whole


def _environment(task: str, data: TrajectoryDataset) -> Any:
    """What Minari can make the environment of again; None where it is not ours."""
    if task not in envs.TASKS:
        return None
    size = int(data.meta["image_size"])
    return envs.make(task, obs_mode="pixels", cameras=data.cameras, image_size=size)


def _observations(data: TrajectoryDataset) -> spaces.Dict:
    size = int(data.meta["image_size"])
    shape = (size, size, 3)
    found: dict[str, spaces.Space[Any]]
    found = {f"image_{c}": spaces.Box(0, 255, shape, np.uint8) for c in data.cameras}
    found |= {n: spaces.Box(-np.inf, np.inf, (7,), np.float32) for n in ("proprio", "target")}
    return spaces.Dict(found)


def _buffer(data: TrajectoryDataset, index: int) -> dict[str, Any]:
    """An episode as Minari's buffer takes it."""
    count = int(data.lengths[index])
    keys = [*(f"image_{camera}" for camera in data.cameras), "proprio", "target"]
    steps = data.window(index, 0, count, [*keys, "action", "commanded"])
    last = np.arange(count - 1) == count - 2
    return {
        "seed": int(data.column("seed")[index]),
        "observations": {key: steps[key] for key in keys},
        "actions": given_actions(steps, data.meta),
        "rewards": (last & data.column("success")[index]).astype(np.float64),
        "terminations": np.zeros(count - 1, bool),
        "truncations": last,
    }
