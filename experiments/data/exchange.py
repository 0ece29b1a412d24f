"""Data sets out and in, in the formats of others.

Options and help: ``experiments.options.data``.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from experiments.options.data import DataExportConfig, DataImportConfig
from worldsim.data import TrajectoryDataset, export_folder, import_folder
from worldsim.errors import UserError


def export(config: DataExportConfig) -> None:
    """A data set in a format of others."""
    if config.videos and config.format != "folder":
        raise UserError(f"--videos goes with --format folder, not {config.format}")
    data = TrajectoryDataset(config.path)
    chosen = _chosen(data, config)
    if config.format == "folder":
        export_folder(data, config.out, chosen, config.videos)
    elif config.format == "lerobot":
        from worldsim.data.lerobot import export_lerobot

        export_lerobot(data, config.out, chosen)
    else:
        from experiments.data.minari import export_minari

        chosen = export_minari(data, config.out, chosen)
    print(f"wrote {config.out}: {len(chosen)} episodes")


def _chosen(data: TrajectoryDataset, config: DataExportConfig) -> list[int]:
    """Indices of the episodes asked for."""
    tasks = sorted({str(task) for task in data.column("task")})
    if config.task is not None and config.task not in tasks:
        raise UserError(f"no task {config.task!r}: allowed are {', '.join(tasks)}")
    if config.episodes is not None and config.episodes < 1:
        raise UserError(f"episodes {config.episodes} must be at least 1")
    wanted = (i for i, task in enumerate(data.column("task")) if config.task in (None, task))
    return list(islice(wanted, config.episodes))


def bring_in(config: DataImportConfig) -> None:
    """A data set of what others made."""
    if config.format == "lerobot":
        _from_lerobot(config)
    elif config.image_size is not None or config.cameras or config.stride != 1:
        raise UserError("--image-size, --cameras and --stride go with --format lerobot")
    else:
        import_folder(config.source, config.out)
    print(f"wrote {config.out}: {len(TrajectoryDataset(config.out))} episodes")


def _from_lerobot(config: DataImportConfig) -> None:
    """A LeRobotDataset; of somebody else's, tell what was taken for granted."""
    from worldsim.data.lerobot import GRANTED, import_lerobot

    columns = import_lerobot(
        config.source, config.out, config.image_size, config.cameras, config.stride
    )
    print(columns.sentence())
    if not columns.ours:
        print(f"{GRANTED}\n{_moved(TrajectoryDataset(config.out))}")


def _moved(data: TrajectoryDataset) -> str:
    """Numbers that show whether what was taken for granted can be so."""
    ends = np.zeros(int(data.lengths.sum()), dtype=bool)
    ends[data.offsets + data.lengths - 1] = True
    steps = 1000 * np.linalg.norm(data.load_vectors("executed")[~ends, :3], axis=1)
    middle, most = np.quantile(steps, (0.5, 0.99))
    opened = np.median(data.load_vectors("proprio")[data.offsets, 6])
    solved = int(data.column("success").sum())
    return (
        f"a step is {data.meta['control_period']:.3g} s, {middle:.1f} mm long (99 %: {most:.0f}); "
        f"episodes begin with the gripper at {opened:.2f} (median); solved: {solved} of {len(data)}"
    )
