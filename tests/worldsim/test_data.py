"""Data sets: round trip, resume, damage, windows."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from worldsim.data import DatasetError, Episode, TrajectoryDataset, TrajectoryWriter
from worldsim.data.dataset import shrink

META = {"cameras": ["left"], "image_size": 16, "control_period": 0.25, "recipe": "test"}


def make_episode(seed: int, frames: int = 6, **changes) -> Episode:
    """Random numbers of the right shapes."""
    rng = np.random.default_rng(seed)
    values = {
        "images": {"left": rng.integers(0, 255, (frames, 16, 16, 3), dtype=np.uint8)},
        "proprio": rng.normal(size=(frames, 7)).astype(np.float32),
        "target": rng.normal(size=(frames, 7)).astype(np.float32),
        "physics": rng.normal(size=(frames, 5)),
        "stage": np.zeros(frames, dtype=np.int8),
        "seed": seed,
        "task": "grasp",
        "policy": "play",
        "success": False,
    }
    for name in ("executed", "commanded", "intended"):
        values[name] = rng.normal(size=(frames - 1, 7)).astype(np.float32)
    return Episode(**values | changes)


def test_what_is_written_is_read(tmp_path):
    episodes = [make_episode(seed, 4 + seed) for seed in range(3)]
    with TrajectoryWriter(tmp_path, META) as writer:
        for episode in episodes:
            writer.append_group([episode])
    data = TrajectoryDataset(tmp_path)
    assert data.column("seed").tolist() == [0, 1, 2]
    for index, episode in enumerate(episodes):
        read = data.episode(index)
        assert read.digest() == episode.digest()
        np.testing.assert_array_equal(read.images["left"], episode.images["left"])
    window = data.window(2, 1, 3, ["image_left", "commanded"])
    np.testing.assert_array_equal(window["image_left"], episodes[2].images["left"][1:4])
    np.testing.assert_array_equal(window["commanded"], episodes[2].commanded[1:3])
    assert len(data.windows(4)) == 1 + 2 + 3
    assert data.load_frames(["left"], 8).shape == (15, 1, 8, 8, 3)
    assert data.load_vectors("commanded").shape == (15, 7)


def test_an_interrupted_collection_keeps_whole_shards(tmp_path):
    with pytest.raises(KeyboardInterrupt), TrajectoryWriter(tmp_path, META) as writer:  # noqa: PT012
        writer.append_group([make_episode(0), make_episode(0, branch_of=0, branch_step=2)])
        raise KeyboardInterrupt
    with TrajectoryWriter(tmp_path, META) as writer:
        assert writer.seeds() == {0}
        writer.append_group([make_episode(1)])
    assert len(TrajectoryDataset(tmp_path)) == 3


def test_foreign_and_damaged_data_is_named(tmp_path):
    with pytest.raises(DatasetError, match="not a data set"):
        TrajectoryDataset(tmp_path)
    with TrajectoryWriter(tmp_path, META) as writer:
        writer.append_group([make_episode(0)])
    with pytest.raises(DatasetError, match="image_size"):
        TrajectoryWriter(tmp_path, META | {"image_size": 32})
    (tmp_path / "shard-00001.h5").write_bytes(b"not hdf5")
    with pytest.raises(DatasetError, match="shard-00001"):
        TrajectoryDataset(tmp_path)


def test_frames_are_compressed_one_by_one(tmp_path):
    with TrajectoryWriter(tmp_path, META) as writer:
        writer.append_group([make_episode(0)])
    with h5py.File(tmp_path / "shard-00000.h5") as file:
        assert file["000000"]["image_left"].chunks == (1, 16, 16, 3)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="commanded"):
        make_episode(0, commanded=np.zeros((6, 7), np.float32))
    with pytest.raises(ValueError, match="not finite"):
        make_episode(0, proprio=np.full((6, 7), np.nan, np.float32))


def test_shrinking_averages():
    frames = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    frames[0, :2, :2] = [[[10, 0, 0], [20, 0, 0]], [[30, 0, 0], [41, 0, 0]]]
    assert shrink(frames, 2)[0, 0, 0, 0] == 25
