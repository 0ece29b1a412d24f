"""What is in a data set, and is it the one a manifest describes?

worldsim data info data/default --check experiments/manifests/default.txt
worldsim data contact-sheet data/default --out sheet.png
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from tqdm import tqdm
from tyro.conf import Positional

from experiments.store import write_atomically
from worldsim.data import DatasetError, TrajectoryDataset


@dataclass(frozen=True)
class DataInfoConfig:
    """Options of ``worldsim data info``.

    Attributes:
        path: the data set.
        manifest: write the episodes' hashes to this file.
        check: compare the episodes' hashes with this file.
    """

    path: Positional[str]
    manifest: str | None = None
    check: str | None = None


@dataclass(frozen=True)
class ContactSheetConfig:
    """Options of ``worldsim data contact-sheet``.

    Attributes:
        path: the data set.
        out: picture to write.
        episodes, frames: rows and columns.
        seed: which episodes are drawn.
    """

    path: Positional[str]
    out: str = "contact-sheet.png"
    episodes: int = 8
    frames: int = 8
    seed: int = 0


def info(config: DataInfoConfig) -> None:
    """Print counts; write or check a manifest."""
    data = TrajectoryDataset(config.path)
    size = sum(file.stat().st_size for file in data.path.glob("shard-*.h5"))
    print(
        f"{config.path}: {len(data)} episodes, {data.lengths.sum()} frames, {size / 2**30:.2f} GiB"
    )
    print(f"cameras {', '.join(data.cameras)} at {data.meta['image_size']} px")
    main_episodes = data.column("branch_of") < 0
    for label in ("task", "policy"):
        values = data.column(label)
        for value, count in sorted(Counter(values.tolist()).items()):
            mine = (values == value) & main_episodes
            solved = f", {data.column('success')[mine].mean():.0%} solved" if mine.any() else ""
            print(f"  {label} {value}: {count} episodes{solved}")
    print(f"versions: {data.meta['versions']}")
    if config.manifest:
        write_atomically(Path(config.manifest), "\n".join(hashes(data)) + "\n")
    if config.check:
        check(hashes(data), Path(config.check))


def hashes(data: TrajectoryDataset) -> list[str]:
    """One line per episode: seed, parent, step, policy, hash of states and commands."""
    lines = []
    for index in tqdm(range(len(data)), desc="hash"):
        e = data.episode(index)
        lines.append(f"{e.seed} {e.branch_of} {e.branch_step} {e.policy} {e.digest()}")
    return sorted(lines)


def check(found: list[str], manifest: Path) -> None:
    """Compare with a manifest.

    Raises:
        DatasetError: when episodes differ, naming the first.
    """
    wanted = manifest.read_text().splitlines()
    differing = sorted(set(found) ^ set(wanted))
    if differing:
        raise DatasetError(
            f"{len(differing)} lines differ from {manifest.name}, the first is {differing[0]!r}"
        )
    print(f"identical to {manifest.name}: {len(found)} episodes")


def contact_sheet(config: ContactSheetConfig) -> None:
    """Frames of a few episodes, one episode a row."""
    data = TrajectoryDataset(config.path)
    rng = np.random.default_rng(config.seed)
    rows = []
    for index in rng.choice(len(data), config.episodes):
        frames = data.episode(int(index)).images
        picks = np.linspace(0, data.lengths[index] - 1, config.frames).astype(int)
        rows += [np.concatenate(list(frames[c][picks]), axis=1) for c in data.cameras]
    imageio.imwrite(config.out, np.concatenate(rows))
    print(config.out)


MAINS = {"DataInfoConfig": info, "ContactSheetConfig": contact_sheet}
