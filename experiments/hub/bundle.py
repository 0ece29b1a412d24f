"""What a folder holds that is worth handing on: a model, a data set or results; and its files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from envs.errors import UserError
from experiments.runs.store import read_json
from worldsim.data.lerobot.layout import INFO
from worldsim.data.shard_layout import FORMAT

SAFE = {
    *(".json", ".jsonl", ".md", ".txt", ".yaml", ".csv"),
    *(".safetensors", ".h5", ".npz", ".parquet", ".mp4", ".png", ".pdf"),
}
"""Kinds of files that run nothing when they are read. Not among them: pickles, and pages with
scripts, which ``worldsim report`` makes anew."""

REPOSITORIES = {"model": "model", "data": "dataset", "lerobot": "dataset", "results": "dataset"}
"""What a folder may hold -> the kind of the hub's repository."""


@dataclass(frozen=True)
class Bundle:
    """A folder to hand on.

    Attributes:
        folder: where it lies.
        kind: of ``REPOSITORIES``.
        files: what is handed on, relative to the folder.
    """

    folder: Path
    kind: str
    files: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path) -> Bundle:
        """What a folder holds.

        Raises:
            UserError: nothing of ours, or a link to a file outside.
        """
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder")
        inside, files = folder.resolve(), []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not path.is_file() or not wanted(str(name)):
                continue
            if not path.resolve().is_relative_to(inside):
                raise UserError(f"{path} is a link to a file outside {folder}")
            files.append(name)
        return cls(folder, _kind(folder, files), tuple(files))

    def copy_to(self, target: Path) -> None:
        """The files, into a folder."""
        for name in self.files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / name, target / name)


def wanted(name: str) -> bool:
    """Whether a file of that name, relative to its folder, is handed on.

    Raises:
        UserError: the name leaves the folder.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UserError(f"{name!r} leaves its folder")
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix in SAFE and not hidden


def _kind(folder: Path, files: list[Path]) -> str:
    """Of ``REPOSITORIES``."""
    if (folder / INFO).exists():
        return "lerobot"
    if (folder / "meta.json").exists() and read_json(folder / "meta.json").get("format") == FORMAT:
        return "data"
    if any(name.name in ("spec.json", "episodes.jsonl") for name in files):
        return "results"
    if any(name.suffix == ".safetensors" for name in files):
        return "model"
    if any(name.suffix == ".parquet" for name in files):
        return "results"  # packed
    raise UserError(f"{folder} holds no model, data set or results of worldsim")
