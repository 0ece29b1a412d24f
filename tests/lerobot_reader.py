"""Does lerobot's own reader see what a data set holds? Run where lerobot is installed.

    worldsim data export data/default --out exported --format lerobot --episodes 20
    python tests/lerobot_reader.py data/default exported

Too heavy for CI, where ``tests/worldsim/data/test_lerobot.py`` checks the layout instead.
``results/lerobot-reader.txt`` is what it last printed.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from worldsim.data import TrajectoryDataset


def main(source: str, exported: str) -> None:
    """Compare every row and frame; raises where they differ."""
    data = TrajectoryDataset(source)
    read = LeRobotDataset("local/exported", root=exported, tolerance_s=1e-6)
    row, worst = 0, np.inf
    for number in range(read.num_episodes):
        episode = data.episode(number)
        for step in range(len(episode)):
            item = read[row]
            assert (item["episode_index"], item["frame_index"]) == (number, step)
            assert item["timestamp"] == np.float32(step * data.meta["control_period"])
            assert item["task"] == episode.task
            np.testing.assert_array_equal(item["observation.state"], episode.proprio[step])
            if episode.action is not None and step < len(episode.action):
                np.testing.assert_array_equal(item["action"], episode.action[step])
            for camera, frames in episode.images.items():
                seen = item[f"observation.images.{camera}"].numpy().transpose(1, 2, 0) * 255
                error = np.mean((seen - frames[step].astype(np.float64)) ** 2)
                worst = min(worst, 10 * np.log10(255**2 / error))
            row += 1
    assert row == len(read) == read.meta.total_frames
    assert worst > 40, f"PSNR {worst:.1f} dB"
    keys = [key for key in read.meta.features if key in read.meta.stats]
    assert {"action", "observation.state"} <= set(keys)
    packages = ", ".join(f"{name} {version(name)}" for name in ("lerobot", "torch", "torchcodec"))
    print(  # noqa: T201
        f"{packages}: {read.num_episodes} episodes, {row} rows, {len(data.cameras)} cameras: "
        f"states, actions, tasks and time stamps equal, frames at worst {worst:.1f} dB"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
