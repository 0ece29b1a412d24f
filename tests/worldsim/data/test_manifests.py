"""A manifest knows its data set, however it was collected, and says what differs."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.data import (
    DatasetError,
    TrajectoryDataset,
    TrajectoryWriter,
    compare,
    manifest,
    manifest_text,
    read_manifest,
)


def rewrite(path, meta, groups, per_shard=50):
    """A data set of these episodes."""
    with TrajectoryWriter(path, meta, per_shard) as writer:
        for group in groups:
            writer.append_group(group)
    return TrajectoryDataset(path)


def test_a_manifest_is_read_as_it_was_written(data, tmp_path):
    text = manifest_text(manifest(data), data.meta)
    assert text.startswith("# worldsim manifest 1: 3 seeds, 25 frames, mujoco 3.9.0\n0 reach 1 7 ")
    (tmp_path / "m.txt").write_text(text)
    assert read_manifest(tmp_path / "m.txt") == manifest(data)


def test_the_order_of_collection_does_not_matter(data, episodes, meta, tmp_path):
    other = rewrite(tmp_path / "other", meta, episodes[::-1], per_shard=1)
    comparison = compare(manifest(other), manifest(data))
    assert comparison.identical
    assert comparison.sentence() == "3 seeds identical"


def test_what_differs_is_said(data, episodes, meta, make_episode, tmp_path):
    last, first = (episodes[0][0].physics.copy() for _ in range(2))
    last[-1, 0] = np.nextafter(last[-1, 0], 9)
    first[0, 0] += 1
    wanted = manifest(data)

    def against(*groups):
        other = rewrite(tmp_path / str(len(list(tmp_path.iterdir()))), meta, groups)
        return compare(manifest(other), wanted)

    assert against([make_episode(0, 7, 3, physics=last)], *episodes[1:]).states == [0]
    assert against([make_episode(0, 7, 3, physics=first)], *episodes[1:]).starts == [0]
    assert against(episodes[0], episodes[1][:2], episodes[2]).states == [1]
    part = against(*episodes[1:])
    assert part.missing == [0]
    assert part.subset
    assert not part.identical
    more = against(*episodes, [make_episode(5)])
    assert not more.subset
    assert more.sentence() == "3 seeds identical, 1 not in the manifest (seed 5)"


@pytest.mark.parametrize("text", ["", "hello\n", "# worldsim manifest 1: x\n0 reach 1\n"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(DatasetError, match=r"m\.txt is not a manifest"):
        read_manifest(tmp_path / "m.txt")
    with pytest.raises(DatasetError, match="nowhere is not a manifest"):
        read_manifest(tmp_path / "nowhere")
