"""Small made-up episodes, and a data set of them."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.data import Episode, TrajectoryDataset, TrajectoryWriter

SIZE = 16


def episode_of(number: int, /, frames: int = 6, width: int = 5, **changes) -> Episode:
    """Random numbers of the right shapes; pictures as flat as renders."""
    rng = np.random.default_rng([number, frames])

    def numbers(*shape):
        return rng.uniform(-1, 1, shape).astype(np.float32)

    def poses():
        values = numbers(frames, 7)
        values[:, 6] = np.abs(values[:, 6])
        return values

    def picture():
        return np.kron(rng.integers(0, 256, (frames, 4, 4, 3), np.uint8), np.ones((1, 4, 4, 1)))

    values = {
        "images": {c: picture().astype(np.uint8) for c in ("left", "wrist")},
        "proprio": poses(),
        "target": poses(),
        "executed": numbers(frames - 1, 7),
        "commanded": numbers(frames - 1, 7),
        "intended": numbers(frames - 1, 7),
        "physics": rng.normal(size=(frames, width)),
        "stage": np.minimum(np.arange(frames), 4).astype(np.int8),
        "seed": number,
        "task": ("reach", "grasp", "pick-place")[number % 3],
        "policy": "play",
        "success": number % 2 == 0,
        "action": None if number == 2 else rng.uniform(-1, 1, (frames - 1, 7)).astype(np.float32),
    }
    return Episode(**values | changes)


@pytest.fixture
def make_episode():
    return episode_of


@pytest.fixture
def meta():
    return {
        "cameras": ["left", "wrist"],
        "image_size": SIZE,
        "control_period": 0.25,
        "stages": ["none", "reached", "grasped", "lifted", "placed"],
        "recipe": "test",
        "versions": {"mujoco": "3.9.0", "git_commit": "abc"},
    }


@pytest.fixture
def episodes():
    """Two seeds of one episode, one with two branches; simulators of two sizes."""
    return [
        [episode_of(0, 7, width=3)],
        [
            episode_of(1),
            episode_of(1, 4, branch_of=1, branch_step=2, policy="close-up"),
            episode_of(1, 3, branch_of=1, branch_step=2, policy="open-up"),
        ],
        [episode_of(2, 5)],
    ]


@pytest.fixture
def folder(tmp_path, meta, episodes):
    """A data set of two shards."""
    with TrajectoryWriter(tmp_path / "set", meta, groups_per_shard=2) as writer:
        for group in episodes:
            writer.append_group(group)
    return tmp_path / "set"


@pytest.fixture
def data(folder):
    return TrajectoryDataset(folder)
