"""Where things are in a LeRobotDataset v3.0, and what its columns are called.

    meta/info.json                             rate, features, counts, patterns of paths
    meta/stats.json                            statistics of each feature, over all frames
    meta/tasks.parquet                         task -> task_index
    meta/episodes/chunk-000/file-000.parquet   a row an episode: where its rows and frames are
    data/chunk-000/file-000.parquet            a row a frame: all that is no picture
    videos/KEY/chunk-000/file-000.mp4          the frames of a camera, episode after episode

Followed: lerobot 0.4.4, ``lerobot/datasets/utils.py`` and ``lerobot_dataset.py``, and for DROID's
columns ``examples/port_datasets/port_droid.py``.
"""

from __future__ import annotations

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
FILES_PER_CHUNK = 1000

OURS = "meta/worldsim.json"
"""Meta data of the data set that was exported; no part of LeRobot's layout."""

PICTURES = "observation.images."
STATE, ACTION = "observation.state", "action"
AXES = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")

# Ours beside LeRobot's: without its prefixes "observation" and "action", so that no policy of
# LeRobot's takes them for inputs or outputs.
POSES = ("target", "commanded", "intended")

LABELS = ("seed", "policy", "success", "branch_of", "branch_step")
"""Ours of each episode, in ``meta/episodes``; and "replays": ``action`` is what was given."""

DROID_STATE = ("observation.state.cartesian_position", "observation.state.gripper_position")
DROID_ACTION = ("action.cartesian_position", "action.gripper_position")
SUCCESS = ("is_episode_successful", "next.success")
"""Of DROID, and of LeRobot's own: whether the task was solved, in any row of the episode."""
