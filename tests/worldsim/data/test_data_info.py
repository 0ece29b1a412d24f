"""``worldsim data``: what it prints, draws and refuses."""

from __future__ import annotations

import json

import imageio.v3 as imageio
import numpy as np
import pytest

from experiments.data import info as data_info
from experiments.options.data import ContactSheetConfig, DataInfoConfig
from worldsim.data import DatasetError, TrajectoryDataset, TrajectoryWriter


def test_numbers_of_a_data_set(folder, data, tmp_path, capsys):
    data_info.info(DataInfoConfig(str(folder), json=str(tmp_path / "info.json")))
    printed = capsys.readouterr().out
    assert "5 episodes (2 branches) of 3 seeds, 25 frames" in printed
    found = json.loads((tmp_path / "info.json").read_text())
    assert found["tasks"]["grasp"] == {"episodes": 3, "frames": 13, "success_share": 0.0}
    assert found["policies"]["close-up"]["success_share"] is None  # branches alone
    assert found["stages"]["reach"]["placed"] == pytest.approx(3 / 7)
    actions = np.concatenate([data.episode(i).commanded for i in range(5)])
    np.testing.assert_allclose(found["actions"]["commanded"]["mean"], actions.mean(0), atol=1e-5)


def test_a_manifest_proves_a_data_set(folder, meta, episodes, make_episode, tmp_path, capsys):
    path = str(tmp_path / "manifest.txt")
    data_info.info(DataInfoConfig(str(folder), manifest=path))
    data_info.info(DataInfoConfig(str(folder), check=path))
    assert "3 seeds identical" in capsys.readouterr().out

    with TrajectoryWriter(tmp_path / "part", meta) as writer:
        writer.append_group(episodes[1])
    part = TrajectoryDataset(tmp_path / "part")
    assert "2 missing (seed 0)" in data_info.check(part, path, partial=True)
    with pytest.raises(DatasetError, match=r"is not the data set of .*2 missing"):
        data_info.check(part, path)
    with TrajectoryWriter(tmp_path / "part", meta) as writer:
        writer.append(make_episode(2, 6))
    with pytest.raises(DatasetError, match=r"1 of another start \(seed 2\)"):
        data_info.check(TrajectoryDataset(tmp_path / "part"), path, partial=True)


def test_a_contact_sheet_is_a_picture(folder, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    data_info.contact_sheet(ContactSheetConfig(str(folder), str(out), frames=4))
    assert imageio.imread(out).shape == (3 * (14 + 2 * 16), 4 * 16, 3)  # 3 whole episodes, 2 views
    config = ContactSheetConfig(str(folder), str(out), frames=4, policy="open-up", branches=True)
    data_info.contact_sheet(config)
    assert imageio.imread(out).shape == (14 + 2 * 16, 4 * 16, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"frames": 0}, "frames 0 must be at least 1"),
        ({"out": "sheet.xyz"}, r"allowed are \.png, \.jpg"),
        ({"task": "stack"}, "no task 'stack': allowed are grasp, pick-place, reach"),
        ({"policy": "open-up"}, "add --branches"),
    ],
)
def test_nonsense_is_refused(folder, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        data_info.contact_sheet(ContactSheetConfig(str(folder), **options))
