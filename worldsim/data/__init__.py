"""Trajectory data sets: write, read, sample windows, compare, import and export.

A data set is a folder with one ``meta.json`` and HDF5 shards of a few thousand frames each. A
shard holds flat columns, one row a frame, and a table that says which rows are which episode:

    image_left, image_wrist   (F, H, W, 3) uint8, one gzip chunk a frame
    proprio, target           (F, 7)  xyz m, Euler xyz rad, closedness; robot-base frame
    executed, commanded, intended
                              (F, 7)  the action that leaves a frame, in the same units; the last
                                      row of an episode is zero and no action
    action                    (F, 7)  what the environment was given, in [-1, 1]; NaN where unknown
    physics                   (F, P)  simulator state, NaN beyond an episode's ``physics_size``
    stage                     (F,)    furthest stage so far, an index into the meta data's "stages"
    episodes/...              (E,)    start, length, seed, task, policy, success, branch_of, ...

Why HDF5: h5py, pandas, MATLAB, Julia and HDFView open it, and flat columns with starts and lengths
of episodes are the layout of D4RL's and stable-worldmodel's HDF5 files (a group per episode, as in
robomimic, was 27 % larger, and two seconds slower to open with 14,000 episodes). Why gzip: it is
lossless, every HDF5 has it, and flat-shaded renders suit it. One view of 128 px of the default
scenes, the mean of ``left`` and ``wrist``, on one core of an AMD EPYC:

    codec             bytes   write ms   read ms
    gzip 1             3926       0.14      0.06
    gzip 4 (chosen)    3532       0.23      0.08
    PNG                3716       0.77      0.18
    WebP lossless      2139       2.79      0.24    (method 2)
    JPEG 95 4:2:0      4264       0.17      0.24    (not even smaller)

A frame of two views with all its numbers takes 7.9 kB: 1.2 GiB for 160,000. One core reads 1,400
random windows of 4 frames by 2 views a second, or decodes 2,700 frames of 2 views a second with
``TrajectoryDataset.load_frames``, which can keep the result in a cache file for the next time.

Opened without this package, as frames and as a pandas table:

    with h5py.File("data/default/shard-00000.h5") as file:
        table = pd.DataFrame({name: column[()] for name, column in file["episodes"].items()})
        start, length = table.loc[3, ["start", "length"]]
        frames = file["image_left"][start : start + length]         # (T, 128, 128, 3) uint8
        actions = file["commanded"][start : start + length - 1]     # (T - 1, 7)
"""

from worldsim.data.dataset import TrajectoryDataset
from worldsim.data.episode import DatasetError, Episode
from worldsim.data.folder import export_folder, import_folder
from worldsim.data.manifests import compare, manifest, manifest_text, read_manifest
from worldsim.data.shard import Packed, pack_episode
from worldsim.data.writer import TrajectoryWriter

__all__ = [
    "DatasetError",
    "Episode",
    "Packed",
    "TrajectoryDataset",
    "TrajectoryWriter",
    "compare",
    "export_folder",
    "import_folder",
    "manifest",
    "manifest_text",
    "pack_episode",
    "read_manifest",
]
