"""What is in a data set, is it the one a manifest describes, and what does it look like?

worldsim data info data/default --check experiments/data/manifests/default.txt
worldsim data contact-sheet data/default --out sheet.png --task grasp
worldsim data export data/default --out plain --episodes 10 --videos
worldsim data export data/default --out exported --format lerobot
worldsim data import plain --out data/mine
worldsim data import droid --out data/droid --format lerobot
  --stride 4 --cameras exterior_1_left wrist_left
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

Folder = Annotated[str, tyro.conf.Positional]


@dataclass(frozen=True)
class DataInfoConfig:
    """Options of ``worldsim data info``.

    Attributes:
        path: the data set.
        json: write the numbers to this file too.
        manifest: write the hashes of all seeds to this file.
        check: compare the hashes of all seeds with this file.
        partial: with check, be content with a part of the seeds, as long as those are the same.
    """

    path: Folder
    json: str | None = None
    manifest: str | None = None
    check: str | None = None
    partial: bool = False


@dataclass(frozen=True)
class ContactSheetConfig:
    """Options of ``worldsim data contact-sheet``.

    Attributes:
        path: the data set.
        out: picture to write, .png or .jpg.
        episodes: rows (one per view).
        frames: pictures in a row, spread over the episode.
        task: of this task only.
        policy: of this policy only.
        branches: take branches in, and not only whole episodes.
        seed: which episodes are drawn.
    """

    path: Folder
    out: str = "contact-sheet.png"
    episodes: int = 8
    frames: int = 8
    task: str | None = None
    policy: str | None = None
    branches: bool = False
    seed: int = 0


@dataclass(frozen=True)
class DataExportConfig:
    """Options of ``worldsim data export``.

    Attributes:
        path: the data set.
        out: what to make: a folder; for minari the name of a data set, such as worldsim/mine-v0.
        format: folder: PNG pictures, npz arrays and JSON labels; lerobot: a LeRobotDataset v3.0;
            minari: a data set among Minari's own, of one task's whole episodes.
        episodes: only so many, from the first.
        task: of this task only.
        videos: of the format folder: add an mp4 per view.
    """

    path: Folder
    out: str
    format: Literal["folder", "lerobot", "minari"] = "folder"
    episodes: int | None = None
    task: str | None = None
    videos: bool = False


@dataclass(frozen=True)
class DataImportConfig:
    """Options of ``worldsim data import``.

    Attributes:
        source: a folder as ``worldsim data export`` makes it, or a LeRobotDataset v3.
        out: the data set to make or to go on with.
        format: folder or lerobot.
        image_size: of the format lerobot: pixels per side of what is kept of each frame's middle
            square; by default those of the smallest.
        cameras: of the format lerobot: keep these only.
        stride: of the format lerobot: keep every so many-th frame; with 4, DROID's 15 a second
            are 3.75, near the 4 that V-JEPA 2-AC and our environments act at.
    """

    source: Folder
    out: str
    format: Literal["folder", "lerobot"] = "folder"
    image_size: int | None = None
    cameras: tuple[str, ...] = ()
    stride: int = 1
