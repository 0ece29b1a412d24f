"""Runs as one compact file, to be kept (options: ``experiments.options.pack``)."""

from __future__ import annotations

from pathlib import Path

from envs.errors import UserError
from experiments.options.pack import PackConfig
from experiments.runs.archive import ENDING, FinishedRun, write_archive
from experiments.runs.arms import load_arms


def main(config: PackConfig) -> None:
    """Read all runs, write them into one file, and say how many there were."""
    out = Path(config.out)
    if not config.folders:
        raise UserError("a folder of runs to pack is needed")
    if out.suffix != ENDING:
        raise UserError(f"--out {config.out!r}: a file that ends in {ENDING} is needed")
    arms = load_arms(*map(Path, config.folders))
    names = _names([arm.folder for arm in arms])
    runs = [
        FinishedRun(name, arm.spec, arm.facts, arm.rows)
        for name, arm in zip(names, arms, strict=True)
    ]
    write_archive(out, runs)
    episodes = sum(len(run.rows) for run in runs)
    print(f"{out}: {len(runs)} runs, {episodes:,} episodes, {out.stat().st_size / 1000:.0f} kB")


def _names(folders: list[Path]) -> list[str]:
    """A run's name is its folder's, with as many folders above it as tell all apart."""
    for count in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-count:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return names
