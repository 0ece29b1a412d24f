"""Proof that a rebuilt data set is the same one: a line of hashes for every seed.

    # worldsim manifest 1: 2600 seeds, 156308 frames, mujoco 3.9.0
    0 pick-place 8 77 5f0c1b2a99887766 0123456789abcdef

that is seed, task, episodes, frames, the hash of the first state, and the hash of all states and
commands, bit for bit. Lines are in the order of the seeds, however the set was collected. The first
state is a function of the seed alone; the states after it also of floating-point arithmetic, so
that another processor or library can part from it by a last bit, and contact then by more. Hence
two hashes: different starts are another recipe, different states may be another machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from worldsim.data.dataset import TrajectoryDataset
from worldsim.data.episode import DatasetError, digest
from worldsim.errors import UserError

_HEADER = "# worldsim manifest 1: "


class SeedHash(NamedTuple):
    """All episodes of one seed."""

    task: str
    episodes: int
    frames: int
    start: str
    states: str


@dataclass(frozen=True)
class Comparison:
    """A data set (found) beside a manifest (wanted); seeds in order.

    Attributes:
        same: seeds whose hashes agree.
        missing: seeds wanted, not found.
        extra: seeds found, not wanted.
        starts: seeds that start otherwise.
        states: seeds that start the same and go on otherwise.
    """

    same: list[int]
    missing: list[int]
    extra: list[int]
    starts: list[int]
    states: list[int]

    @property
    def identical(self) -> bool:
        """The same data set."""
        return not (self.missing or self.extra or self.starts or self.states)

    @property
    def subset(self) -> bool:
        """A part of the same data set."""
        return bool(self.same) and not (self.extra or self.starts or self.states)

    def sentence(self) -> str:
        """What differs, with an example each."""
        kinds = {
            "missing": self.missing,
            "not in the manifest": self.extra,
            "of another start": self.starts,
            "of the same start but other states": self.states,
        }
        parts = [f"{len(seeds)} {kind} (seed {seeds[0]})" for kind, seeds in kinds.items() if seeds]
        return ", ".join([f"{len(self.same)} seeds identical", *parts])


def manifest(data: TrajectoryDataset) -> dict[int, SeedHash]:
    """The hashes of a data set, by seed in ascending order.

    A seed's first episode that is no branch counts as its start.
    """
    rows: dict[int, list[int]] = {}
    for index, seed in enumerate(data.column("seed").tolist()):
        rows.setdefault(seed, []).append(index)
    digests = data.digests()
    return {seed: _hash(data, rows[seed], digests) for seed in sorted(rows)}


def _hash(data: TrajectoryDataset, rows: list[int], digests: list[str]) -> SeedHash:
    main = min(rows, key=lambda row: (data.table["branch_of"][row] >= 0, row))
    return SeedHash(
        task=str(data.table["task"][main]),
        episodes=len(rows),
        frames=int(data.lengths[rows].sum()),
        start=digest(data.window(main, 0, 1, ["physics"])["physics"]),
        states=hashlib.sha256(" ".join(digests[row] for row in rows).encode()).hexdigest()[:16],
    )


def manifest_text(hashes: Mapping[int, SeedHash], meta: Mapping[str, Any]) -> str:
    """The contents of a manifest file."""
    frames = sum(row.frames for row in hashes.values())
    version = meta.get("versions", {}).get("mujoco", "unknown")
    header = f"{_HEADER}{len(hashes)} seeds, {frames} frames, mujoco {version}"
    lines = [" ".join(map(str, (seed, *row))) for seed, row in hashes.items()]
    return "\n".join([header, *lines]) + "\n"


def read_manifest(path: Path | str) -> dict[int, SeedHash]:
    """The hashes of a manifest file.

    Raises:
        DatasetError: when it is missing or no manifest, naming it.
    """
    try:
        header, *lines = Path(path).read_text().splitlines() or [""]
        if not header.startswith(_HEADER):
            raise UserError(f"its first line does not start with {_HEADER!r}")
        rows = [line.split() for line in lines]
        return {int(r[0]): SeedHash(r[1], int(r[2]), int(r[3]), r[4], r[5]) for r in rows}
    except (OSError, ValueError, IndexError) as error:
        raise DatasetError(f"{path} is not a manifest: {error}") from error


def compare(found: Mapping[int, SeedHash], wanted: Mapping[int, SeedHash]) -> Comparison:
    """Seed by seed."""
    both = sorted(found.keys() & wanted.keys())
    return Comparison(
        same=[seed for seed in both if found[seed] == wanted[seed]],
        missing=sorted(wanted.keys() - found.keys()),
        extra=sorted(found.keys() - wanted.keys()),
        starts=[seed for seed in both if found[seed].start != wanted[seed].start],
        states=[
            seed
            for seed in both
            if found[seed] != wanted[seed] and found[seed].start == wanted[seed].start
        ],
    )
