"""Run a sweep: every agent, setting, task and goal of a YAML file on the same seeds.

    worldsim sweep sweeps/planners.yaml --dry-run
    worldsim sweep sweeps/planners.yaml --workers 2
    worldsim sweep sweeps/planners.yaml --executor slurm --workers 50 --slurm slurm_partition=cpu

Kill it at any moment and run it again: what is finished is kept. Results, tables, figures, videos
and the page lie in the folder; docs/results.md says what is in them. The file's keys are:
agents, tasks, goals, seeds, cameras, variation, threads (see sweeps/ for examples).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional


@dataclass(frozen=True)
class SweepConfig:
    """Options of ``worldsim sweep``.

    Attributes:
        file: YAML.
        out: folder for the results; default: runs/ and the file's name.
        set: KEY=VALUE in place of the file's, as in ``tasks=[reach]``.
        executor: local (processes of this machine), process (this one), ray or slurm.
        workers: episodes at a time.
        address: of a running Ray cluster; otherwise one is started here.
        slurm: submitit's parameters, as slurm_partition=cpu timeout_min=60.
        dry_run: print what would run, and how long it would take by measured rates.
        force: allow seeds that are not for results: training, development, reserved.
        videos: draw videos for the page.
        tracker: none, tensorboard, wandb or trackio: where success goes besides the folder.
    """

    file: Positional[str]
    out: str | None = None
    set: tuple[str, ...] = ()
    executor: Literal["local", "process", "ray", "slurm"] = "local"
    workers: int = 1
    address: str | None = None
    slurm: tuple[str, ...] = ()
    dry_run: bool = False
    force: bool = False
    videos: bool = True
    tracker: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
