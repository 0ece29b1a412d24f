"""Trajectory data sets: write, read, sample windows.

A data set is a folder of HDF5 shards and one ``meta.json``. HDF5, because every tool opens it
(h5py, HDFView, MATLAB, Julia), a frame is one compressed chunk, so a window of a few frames costs
a few chunks, and pictures need no codec: gzip of flat-shaded renders is lossless and small.

    with h5py.File("data/default/shard-00000.h5") as file:
        episode = file["000000"]                    # one group per episode
        frames = episode["image_left"][3:7]         # (4, 128, 128, 3) uint8
        print(dict(episode.attrs))                  # seed, task, policy, success, ...
"""

from worldsim.data.dataset import TrajectoryDataset
from worldsim.data.episode import DatasetError, Episode
from worldsim.data.writer import TrajectoryWriter

__all__ = ["DatasetError", "Episode", "TrajectoryDataset", "TrajectoryWriter"]
