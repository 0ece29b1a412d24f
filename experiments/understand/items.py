"""Items on disk: what is asked, one JSON line an item, features beside them, and a manifest.

    DIR/spec.json           suite and options; a folder holds one
    DIR/items.jsonl         one line a seed, dropped ones with the reason
    DIR/features/SEED.npz   arrays of a suite that fits something on them
    DIR/pictures/SEED.png   the first items, to look at
    DIR/manifest.txt        seed and hash of the simulator's states, of the items asked about

An item is a function of its seed, its suite and the model that is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from envs.errors import UserError
from experiments.runs.seeds import RANGES
from experiments.runs.store import append_line, check_fields, read_json
from worldsim.files import UNREADABLE, parse_json, replacing, write_atomically

SEEDS = RANGES["development"]
"""Items are made from these."""
PICTURED = SEEDS[:24]

Features = dict[str, NDArray[Any]]

_FIELDS = {"seed": int, "dropped": str, "digest": str, "row": dict}


@dataclass(frozen=True)
class Item:
    """What a seed gave.

    Attributes:
        seed: that decides everything.
        dropped: why nothing is asked; "" where something is.
        digest: of the simulator's states, whatever model is asked.
        row: truth and answers, for JSON.
        features: arrays that something is fitted on.
        picture: (H, W, 3) uint8 to look at; kept of the first seeds alone.
    """

    seed: int
    dropped: str = ""
    digest: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    picture: NDArray[np.uint8] | None = None


class ItemStore:
    """The folder of one suite and model.

    Args:
        folder: made where it does not exist.
        spec: what decides the items and the answers.

    Raises:
        UserError: when the folder holds something else.
    """

    def __init__(self, folder: Path, spec: Mapping[str, Any]) -> None:
        self.folder, path = folder, folder / "spec.json"
        if path.exists():
            if (found := read_json(path)) != spec:
                other = [k for k in {*found, *spec} if found.get(k) != spec.get(k)]
                raise UserError(
                    f"{folder} holds items of another {', '.join(sorted(other))}: choose another "
                    "folder"
                )
        elif folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder} holds something else: choose another folder")
        else:
            write_atomically(path, json.dumps(spec, indent=1) + "\n")

    def append(self, item: Item) -> None:
        """Keep an item: features first, so that a line always has its features."""
        if item.picture is not None and item.seed in PICTURED:
            with replacing(self.folder / "pictures" / f"{item.seed}.png", ".png") as path:
                Image.fromarray(item.picture).save(path)
        if item.features:
            with replacing(self._features(item.seed)) as path, path.open("wb") as file:
                np.savez(file, **item.features)
        line = {name: getattr(item, name) for name in _FIELDS}
        append_line(self.folder / "items.jsonl", json.dumps(line))

    def items(self) -> list[Item]:
        """Those that are finished, by seed, without their features.

        Raises:
            UserError: a whole line is not one of ours.
        """
        path = self.folder / "items.jsonl"
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        found: dict[int, Item] = {}
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = parse_json(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number} is not an item of ours") from error
            check_fields(row, _FIELDS, f"{path}, line {number}")
            found.setdefault(row["seed"], Item(**row))
        return [found[seed] for seed in sorted(found)]

    def features(self, items: Sequence[Item]) -> Features:
        """Name -> features (items, ...); nothing where a suite has none.

        Raises:
            UserError: those of an item are missing or damaged.
        """
        if not (self.folder / "features").exists():
            return {}
        rows = [_read(self._features(item.seed)) for item in items]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def write_manifest(self, items: Sequence[Item]) -> None:
        """A line an item that is asked about."""
        suite = read_json(self.folder / "spec.json")["suite"]
        head = f"# worldsim items 1: {suite}, {len(items)} items, mujoco {mujoco.__version__}"
        lines = [f"{item.seed} {item.digest}" for item in items]
        write_atomically(self.folder / "manifest.txt", "\n".join([head, *lines]) + "\n")

    def _features(self, seed: int) -> Path:
        return self.folder / "features" / f"{seed}.npz"


def _read(path: Path) -> Features:
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise UserError(
            f"{path} is missing or damaged ({error}): start again in another folder"
        ) from error
