"""Plain folders: out and back again, data of one's own, nonsense named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from worldsim import poses
from worldsim.data import (
    DatasetError,
    TrajectoryDataset,
    TrajectoryWriter,
    compare,
    export_folder,
    import_folder,
    manifest,
)
from worldsim.errors import UserError


def test_out_and_back_is_the_same(data, tmp_path):
    export_folder(data, tmp_path / "plain")
    import_folder(tmp_path / "plain", tmp_path / "back")
    back = TrajectoryDataset(tmp_path / "back")
    assert back.meta == data.meta
    assert compare(manifest(back), manifest(data)).identical
    for index in range(len(data)):
        for camera, frames in data.episode(index).images.items():
            np.testing.assert_array_equal(back.episode(index).images[camera], frames)
    import_folder(tmp_path / "plain", tmp_path / "back")  # goes on: nothing is left to do
    assert len(TrajectoryDataset(tmp_path / "back")) == len(data)


def test_videos_can_be_looked_at(data, tmp_path):
    export_folder(data, tmp_path / "plain", episodes=[0], videos=True)
    assert (tmp_path / "plain/episode-000000/left.mp4").stat().st_size > 0
    assert not (tmp_path / "plain/episode-000001").exists()


def test_an_existing_folder_is_left_alone(data, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="mine exists"):
        export_folder(data, tmp_path / "mine")


def test_ones_own_data_need_little(data, tmp_path):
    export_folder(data, tmp_path / "plain", episodes=[1])
    path = tmp_path / "plain/episode-000000/arrays.npz"
    with np.load(path) as file:
        arrays = {key: file[key] for key in ("proprio", "target", "commanded")}
    np.savez(path, **arrays)
    import_folder(tmp_path / "plain", tmp_path / "back")
    episode = TrajectoryDataset(tmp_path / "back").episode(0)
    assert episode.physics.shape == (6, 0)
    np.testing.assert_array_equal(episode.intended, arrays["commanded"])
    proprio = arrays["proprio"]
    np.testing.assert_allclose(
        poses.difference(proprio[:-1], proprio[1:]), episode.executed, atol=1e-6
    )
    assert TrajectoryDataset(tmp_path / "back").load_vectors("physics").shape == (6, 1)


def test_nonsense_is_named(data, tmp_path):
    plain = tmp_path / "plain"
    with pytest.raises(DatasetError, match=r"no readable meta\.json"):
        import_folder(plain, tmp_path / "a")
    export_folder(data, plain, episodes=[0, 1])
    (plain / "episode-000001/left/003.png").unlink()
    with pytest.raises(DatasetError, match="episode-000001 is no episode: image_left"):
        import_folder(plain, tmp_path / "b")
    assert len(TrajectoryDataset(tmp_path / "b")) == 1  # what came before stays
    for name in ("left/002.png", "arrays.npz"):
        for damage in (b"", b"PK\x03\x04", (plain / "episode-000000" / name).read_bytes()[:60]):
            (plain / "episode-000000" / name).write_bytes(damage)
            with pytest.raises(DatasetError, match="episode-000000 is no episode"):
                import_folder(plain, tmp_path / "c")
    (plain / "episode-000000/episode.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"episode-000000/episode\.json"):
        import_folder(plain, tmp_path / "c")
    (plain / "meta.json").write_text(json.dumps({"image_size": 16}))
    with pytest.raises(DatasetError, match="need cameras"):
        import_folder(plain, tmp_path / "d")


def test_shards_of_different_simulators_join(tmp_path, meta, make_episode):
    with TrajectoryWriter(tmp_path, meta, groups_per_shard=1) as writer:
        writer.append(make_episode(0, width=3))
        writer.append(make_episode(1, width=0))
    physics = TrajectoryDataset(tmp_path).load_vectors("physics")
    assert physics.shape == (12, 3)
    assert np.isnan(physics[6:]).all()
