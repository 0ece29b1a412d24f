"""What is in a data set, is it the one a manifest describes, and what does it look like?

worldsim data info data/default --check experiments/data/manifests/default.txt
worldsim data contact-sheet data/default --out sheet.png --task grasp
worldsim data export data/default --out plain --episodes 10 --videos
worldsim data import plain --out data/mine
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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
        out: folder to make: PNG pictures, npz arrays and JSON labels.
        episodes: only so many, from the first.
        videos: add an mp4 per view.
    """

    path: Folder
    out: str
    episodes: int | None = None
    videos: bool = False


@dataclass(frozen=True)
class DataImportConfig:
    """Options of ``worldsim data import``.

    Attributes:
        source: a folder as ``worldsim data export`` makes it.
        out: the data set to make or to go on with.
    """

    source: Folder
    out: str
