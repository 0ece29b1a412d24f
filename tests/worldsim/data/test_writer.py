"""Writing: whole shards only, resuming, one writer, sets that do not mix."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest

from worldsim.data import DatasetError, TrajectoryDataset, TrajectoryWriter, pack_episode


def test_an_interrupted_collection_goes_on_from_whole_seeds(tmp_path, meta, episodes):
    with pytest.raises(KeyboardInterrupt), TrajectoryWriter(tmp_path, meta) as writer:  # noqa: PT012
        writer.append_group(episodes[1])
        raise KeyboardInterrupt
    with TrajectoryWriter(tmp_path, meta) as writer:
        assert writer.seeds() == {1}
        writer.append(episodes[0][0])
    assert TrajectoryDataset(tmp_path).column("seed").tolist() == [1, 1, 1, 0]


def test_nothing_is_seen_of_a_shard_before_it_is_whole(tmp_path, meta, episodes):
    with TrajectoryWriter(tmp_path, meta, groups_per_shard=2) as writer:
        writer.append_group(episodes[0])
        assert [p.name for p in tmp_path.iterdir()] == ["meta.json"]
        writer.append_group(episodes[1])
        assert len(TrajectoryDataset(tmp_path)) == 4


def test_episodes_packed_elsewhere_make_the_same_file(tmp_path, meta, episodes):
    for name, group in (("plain", episodes[0]), ("packed", [pack_episode(e) for e in episodes[0]])):
        with TrajectoryWriter(tmp_path / name, meta) as writer:
            writer.append_group(group)
    plain, packed = (tmp_path / name / "shard-00000.h5" for name in ("plain", "packed"))
    assert packed.read_bytes() == plain.read_bytes()
    smaller = {**meta, "image_size": meta["image_size"] // 2}
    with TrajectoryWriter(tmp_path / "smaller", smaller) as writer, pytest.raises(ValueError):
        writer.append_group([pack_episode(e) for e in episodes[0]])


def test_a_full_disk_keeps_what_was_finished(tmp_path, meta, make_episode, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sentence = "shard-00001.h5: No space left on device"
    writer = TrajectoryWriter(tmp_path, meta, groups_per_shard=1)
    with pytest.raises(DatasetError, match=sentence), writer:  # noqa: PT012
        writer.append(make_episode(0))
        monkeypatch.setattr(os, "fsync", full)
        writer.append(make_episode(1))
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["meta.json", "shard-00000.h5"]
    with TrajectoryWriter(tmp_path, meta) as writer:
        assert writer.seeds() == {0}
        writer.append(make_episode(1))
    assert TrajectoryDataset(tmp_path).column("seed").tolist() == [0, 1]


def test_a_shard_is_never_written_over(folder, meta, make_episode):
    (folder / "shard-00000.h5").unlink()
    with TrajectoryWriter(folder, meta) as writer:
        assert writer.seeds() == {2}
        writer.append(make_episode(9))
    names = sorted(p.name for p in folder.glob("shard-*"))
    assert names == ["shard-00001.h5", "shard-00002.h5"]


def test_what_a_killed_writer_left_is_cleared_away(folder, meta):
    (folder / "shard-00007.h5.tmp").write_bytes(b"half a shard")
    assert len(TrajectoryDataset(folder)) == 5
    with TrajectoryWriter(folder, meta):
        assert not list(folder.glob("*.tmp"))


def test_two_writers_do_not_share_a_folder(tmp_path, meta):
    first = TrajectoryWriter(tmp_path, meta)
    with pytest.raises(DatasetError, match="being written by another"):
        TrajectoryWriter(tmp_path, meta)
    first.close()
    TrajectoryWriter(tmp_path, meta).close()


@pytest.mark.parametrize(
    "change",
    [{"image_size": 32}, {"cameras": ["left"]}, {"recipe": "x"}, {"versions": {"mujoco": "4"}}],
)
def test_different_data_do_not_mix(folder, meta, change):
    with pytest.raises(DatasetError, match="choose another folder"):
        TrajectoryWriter(folder, meta | change)
    TrajectoryWriter(folder, meta).close()  # the refused one holds no lock


def test_another_commit_may_go_on(folder, meta):
    TrajectoryWriter(folder, meta | {"versions": {"mujoco": "3.9.0", "git_commit": "d"}}).close()


def test_meta_data_are_plain_json(tmp_path, meta):
    TrajectoryWriter(tmp_path, meta | {"action_scale": np.ones(7)}).close()
    assert json.loads((tmp_path / "meta.json").read_text())["action_scale"] == [1.0] * 7
    TrajectoryWriter(tmp_path, meta | {"action_scale": [1.0] * 7}).close()
    with pytest.raises(DatasetError, match="need cameras"):
        TrajectoryWriter(tmp_path / "new", {"image_size": 3})


def test_an_episode_of_other_views_is_refused(tmp_path, meta, make_episode):
    episode = make_episode(0, images={"left": np.zeros((6, 16, 16, 3), np.uint8)})
    writer = TrajectoryWriter(tmp_path, meta)
    with pytest.raises(ValueError, match="the data set has left, wrist of 16 px"):
        writer.append(episode)
    writer.close()


def test_a_path_that_is_a_file_is_named(tmp_path, meta):
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"cannot write a data set to .*file"):
        TrajectoryWriter(tmp_path / "file", meta)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path, meta):
    for name in ("notes.txt", "draft.tmp"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(DatasetError, match="holds something else"):
        TrajectoryWriter(tmp_path, meta)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draft.tmp", "notes.txt"]
    (tmp_path / "notes.txt").unlink()
    TrajectoryWriter(tmp_path, meta).close()  # what a killed writer left is no obstacle
    (tmp_path / "meta.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"meta\.json is damaged"):
        TrajectoryWriter(tmp_path, meta)
