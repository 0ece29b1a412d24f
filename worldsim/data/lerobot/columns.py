"""Which columns of somebody's LeRobotDataset are poses, commands and pictures of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worldsim.data.episode import DatasetError
from worldsim.data.lerobot import layout
from worldsim.errors import UserError

GRANTED = (
    "taken for granted, as no file says it: metres and radians (extrinsic xyz) from the robot's "
    "base, gripper 0 open to 1 closed; where cameras hang is not read"
)


@dataclass(frozen=True)
class Columns:
    """What is read.

    Attributes:
        state: columns that side by side are the achieved pose (7,).
        command: columns that side by side are the pose that is commanded next (7,); none, where
            ``ours`` says more, or nothing is known.
        success: column that says whether the episode was solved; none, where nothing is known.
        cameras: camera -> column of its video.
        ours: whether the set was exported by worldsim.
    """

    state: tuple[str, ...]
    command: tuple[str, ...]
    success: tuple[str, ...]
    cameras: dict[str, str]
    ours: bool

    @property
    def read(self) -> tuple[str, ...]:
        """All that stand in the parquet files."""
        ours = (*layout.POSES, layout.ACTION, "stage") if self.ours else ()
        return (*self.state, *self.command, *self.success, *ours)

    def sentence(self) -> str:
        """For people."""
        actions = "the differences between its successive poses, as V-JEPA 2-AC takes them"
        if self.ours:
            actions = ", ".join((*layout.POSES, layout.ACTION))
        elif self.command:
            actions = f"differences of {' + '.join(self.command)}"
        videos = ", ".join(f"{name} ({key})" for name, key in self.cameras.items())
        solved = "".join(f"success: {name}; " for name in self.success)
        return f"poses: {' + '.join(self.state)}; actions: {actions}; {solved}cameras: {videos}"


def choose(features: Mapping[str, Any], cameras: Sequence[str], ours: bool) -> Columns:
    """The columns to read of the features of ``meta/info.json``.

    Args:
        features: name -> "dtype", "shape" and "names".
        cameras: of these only; none named: of all.
        ours: whether worldsim exported the set.

    Raises:
        DatasetError: there are no end-effector poses or no videos; says what there is.
        UserError: no camera of that name.
    """
    sizes = {key: _width(feature) for key, feature in features.items()}
    state = _present(sizes, layout.DROID_STATE)
    if not state and _axes(features.get(layout.STATE)) == layout.AXES:
        state = (layout.STATE,)
    if not state:
        raise DatasetError(
            f"no end-effector poses: needed are {' and '.join(layout.DROID_STATE)} (6 and 1), or "
            f"{layout.STATE} named {', '.join(layout.AXES)}; there are {', '.join(sizes)}"
        )
    return Columns(
        state,
        () if ours else _present(sizes, layout.DROID_ACTION),
        () if ours else tuple(name for name in layout.SUCCESS if sizes.get(name) == 1)[:1],
        _videos(features, cameras),
        ours,
    )


def _present(sizes: Mapping[str, int], pair: tuple[str, str]) -> tuple[str, ...]:
    """A pair of pose and gripper, if it is there."""
    return pair if [sizes.get(key) for key in pair] == [6, 1] else ()


def _videos(features: Mapping[str, Any], cameras: Sequence[str]) -> dict[str, str]:
    found = {
        key.removeprefix(layout.PICTURES): key
        for key, feature in features.items()
        if feature.get("dtype") == "video" and key.startswith(layout.PICTURES)
    }
    for name in found:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise DatasetError(f"a camera is named {name!r}: allowed are letters, digits, _ . -")
    if not found:
        raise DatasetError(f"no videos: needed are columns {layout.PICTURES}CAMERA of dtype video")
    for name in cameras:
        if name not in found:
            raise UserError(f"no camera {name!r}: allowed are {', '.join(found)}")
    return {name: found[name] for name in cameras or found}


def _width(feature: Any) -> int:
    """Of a vector; 0 of all else."""
    shape = feature["shape"]
    return int(shape[0]) if len(shape) == 1 else 0


def _axes(feature: Any) -> tuple[str, ...]:
    """Names of a vector's components, which LeRobot's sets keep as a list or under a heading."""
    names = feature["names"] if feature else None
    if isinstance(names, dict):
        names = next(iter(names.values()), None)
    return tuple(map(str, names)) if isinstance(names, list) else ()
