"""Paths that a LeRobotDataset gives for its files: patterns, filled in, that stay in its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from worldsim.data.episode import DatasetError

# What may stand in a pattern; Python's own format would also read attributes.
_FIELD = re.compile(r"\{(video_key|chunk_index|file_index)(?::0?(\d)d)?\}")


def path_of(root: Path, pattern: str, row: Mapping[str, Any], what: str, video: str = "") -> Path:
    """The file of an episode.

    Args:
        root: folder of the set.
        pattern: such as "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet".
        row: of ``meta/episodes``.
        what: the prefix of its place there: "data" or "videos/KEY".
        video: the key that stands for ``video_key``.

    Raises:
        DatasetError: the path leaves the folder.
    """

    def filled(match: re.Match[str]) -> str:
        name, width = match.groups()
        if name == "video_key":
            return video
        return str(int(row[f"{what}/{name}"])).zfill(int(width or 0))

    path = PurePosixPath(_FIELD.sub(filled, pattern))
    if path.is_absolute() or ".." in path.parts:
        raise DatasetError(f"{root} names a file outside its folder: {path}")
    return root / path
