"""What is in a data set, as numbers and pictures.

Options and help: ``experiments.options.data``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from envs.errors import UserError
from experiments.options.data import ContactSheetConfig, DataInfoConfig
from worldsim.data import (
    DatasetError,
    TrajectoryDataset,
    compare,
    manifest,
    manifest_text,
    read_manifest,
)
from worldsim.files import write_atomically

_AXES = ("x m", "y m", "z m", "roll rad", "pitch rad", "yaw rad", "grip")
_PICTURES = (".png", ".jpg")
_CAPTION_PX = 14
_MOST_FRAMES = 200


def info(config: DataInfoConfig) -> None:
    """Print what is in a data set; write or check a manifest."""
    data = TrajectoryDataset(config.path)
    found = summary(data)
    print("\n".join(lines(config.path, found)))
    if config.json:
        write_atomically(Path(config.json), json.dumps(found, indent=1) + "\n")
    if config.manifest:
        write_atomically(Path(config.manifest), manifest_text(manifest(data), data.meta))
        print(f"wrote {config.manifest}")
    if config.check:
        print(check(data, config.check, config.partial))


def summary(data: TrajectoryDataset) -> dict[str, Any]:
    """Numbers of a data set, as plain as JSON.

    Success shares are of whole episodes, not of branches; stage shares are of all frames.
    """
    frames = int(data.lengths.sum())
    stored = sum(file.stat().st_size for file in data.path.glob("shard-*.h5"))
    return {
        "path": str(data.path),
        "episodes": len(data),
        "branches": int((data.column("branch_of") >= 0).sum()),
        "seeds": len(np.unique(data.column("seed"))),
        "frames": frames,
        "windows_of_4": len(data.windows(4)),
        "bytes": stored,
        "raw_bytes": frames * len(data.cameras) * data.meta["image_size"] ** 2 * 3,
        "tasks": {name: _group(data, "task", name) for name in _names(data, "task")},
        "policies": {name: _group(data, "policy", name) for name in _names(data, "policy")},
        "stages": _stages(data),
        "actions": {key: _statistics(data, key) for key in ("commanded", "executed", "intended")},
        "meta": data.meta,
    }


def _names(data: TrajectoryDataset, label: str) -> list[str]:
    names: list[str] = np.unique(data.column(label)).tolist()
    return names


def _group(data: TrajectoryDataset, label: str, name: str) -> dict[str, Any]:
    mine = data.column(label) == name
    whole = mine & (data.column("branch_of") < 0)
    return {
        "episodes": int(mine.sum()),
        "frames": int(data.lengths[mine].sum()),
        "success_share": float(data.column("success")[whole].mean()) if whole.any() else None,
    }


def _stages(data: TrajectoryDataset) -> dict[str, dict[str, float]]:
    """Shares of frames, by task and stage; stages are numbers where the data set names none."""
    stage = data.load_vectors("stage")
    names = data.meta.get("stages") or [str(index) for index in range(int(stage.max()) + 1)]
    tasks = np.repeat(data.column("task"), data.lengths)
    return {
        task: {name: float((stage[tasks == task] == i).mean()) for i, name in enumerate(names)}
        for task in _names(data, "task")
    }


def _statistics(data: TrajectoryDataset, key: str) -> dict[str, list[float]]:
    """Mean, spread and range per component, leaving out the rows that are no actions."""
    ends = np.zeros(int(data.lengths.sum()), dtype=bool)
    ends[data.offsets + data.lengths - 1] = True
    actions = data.load_vectors(key)[~ends].astype(np.float64)
    values = {"mean": actions.mean(0), "std": actions.std(0)}
    values |= {"min": actions.min(0), "max": actions.max(0)}
    return {name: [round(float(v), 6) for v in row] for name, row in values.items()}


def lines(path: str, found: dict[str, Any]) -> list[str]:
    """The summary as people read it."""
    meta, size = found["meta"], found["bytes"]
    period, wide = meta.get("control_period"), 2 + max(22, *map(len, found["tasks"]))
    lines = [
        f"{path}: {found['episodes']:,} episodes ({found['branches']:,} branches) of "
        f"{found['seeds']:,} seeds, {found['frames']:,} frames",
        f"{size / 2**20:,.0f} MiB, {size / found['frames']:,.0f} bytes a frame, "
        f"{found['raw_bytes'] / size:.0f} times smaller than its pixels",
        f"cameras {', '.join(meta['cameras'])} at {meta['image_size']} px, "
        f"{'?' if period is None else f'{period:.4g}'} s a step, "
        f"recipe {meta.get('recipe', 'not given')}",
    ]
    if versions := meta.get("versions"):
        lines.append("versions " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    if columns := meta.get("columns"):  # of what it was imported from
        lines.append(str(columns))
    for label, groups in (("task", found["tasks"]), ("policy", found["policies"])):
        lines += ["", f"{label:{wide}}{'episodes':>10}{'frames':>10}{'solved':>8}"]
        for name, group in groups.items():
            share = group["success_share"]
            solved = "" if share is None else f"{share:.0%}"
            count = f"{group['episodes']:>10,}{group['frames']:>10,}"
            lines.append(f"{name:{wide}}{count}{solved:>8}")
    stages = next(iter(found["stages"].values()))
    lines += ["", f"{'frames by stage':{wide}}" + "".join(f"{name:>10}" for name in stages)]
    for task, shares in found["stages"].items():
        lines.append(f"{task:{wide}}" + "".join(f"{share:>10.0%}" for share in shares.values()))
    for key, rows in found["actions"].items():
        lines += ["", f"{key:{wide}}" + "".join(f"{axis:>10}" for axis in _AXES)]
        for name, row in rows.items():
            lines.append(f"  {name:{wide - 2}}" + "".join(f"{value:>10.3f}" for value in row))
    return lines


def check(data: TrajectoryDataset, path: str, partial: bool = False) -> str:
    """Compare a data set with a manifest; returns what to tell.

    Raises:
        DatasetError: when they differ, saying how.
    """
    comparison = compare(manifest(data), read_manifest(path))
    if comparison.identical or (partial and comparison.subset):
        return f"the data set of {path}: {comparison.sentence()}"
    raise DatasetError(f"{data.path} is not the data set of {path}: {comparison.sentence()}")


def contact_sheet(config: ContactSheetConfig) -> None:
    """Frames of a few episodes, one episode and view a row, as one picture."""
    if config.episodes < 1 or config.frames < 1:
        raise UserError(f"episodes {config.episodes} and frames {config.frames} must be at least 1")
    if config.frames > _MOST_FRAMES or config.seed < 0:
        raise UserError(
            f"frames {config.frames}, seed {config.seed}: allowed are up to {_MOST_FRAMES} frames, "
            "and seeds from 0 on"
        )
    out = Path(config.out)
    if out.suffix not in _PICTURES:
        raise UserError(f"cannot write {out}: allowed are {', '.join(_PICTURES)}")
    data = TrajectoryDataset(config.path)
    choice = _choose(data, config)
    sheet = np.concatenate([_row(data, int(index), config.frames) for index in choice])
    write_atomically(out, imageio.imwrite("<bytes>", sheet, extension=out.suffix))
    print(f"wrote {out}: {len(choice)} episodes")


def _choose(data: TrajectoryDataset, config: ContactSheetConfig) -> NDArray[np.int64]:
    """Episodes to show, in the order of the data set."""
    allowed = np.full(len(data), config.branches) | (data.column("branch_of") < 0)
    for label, wanted in (("task", config.task), ("policy", config.policy)):
        if wanted is not None and wanted not in _names(data, label):
            raise UserError(f"no {label} {wanted!r}: allowed are {', '.join(_names(data, label))}")
        allowed &= (data.column(label) == wanted) | (wanted is None)
    if not allowed.any():
        raise UserError("no such episodes but branches: add --branches")
    rows = np.flatnonzero(allowed)
    rng = np.random.default_rng(config.seed)
    return np.sort(rng.choice(rows, min(config.episodes, len(rows)), replace=False))


def _row(data: TrajectoryDataset, index: int, count: int) -> NDArray[np.uint8]:
    """A caption and a strip per view, (H', count * W, 3)."""
    steps = np.linspace(0, data.lengths[index] - 1, count).round().astype(int)
    keys = [f"image_{camera}" for camera in data.cameras]
    windows = [data.window(index, int(step), 1, keys) for step in steps]
    strips = [np.concatenate([window[key][0] for window in windows], axis=1) for key in keys]
    label = {name: values[index] for name, values in data.table.items()}
    branch = f", branch at step {label['branch_step']}" if label["branch_of"] >= 0 else ""
    outcome = "solved" if label["success"] else "not solved"
    caption = Image.new("RGB", (strips[0].shape[1], _CAPTION_PX), "white")
    text = f"seed {label['seed']}, {label['task']}, {label['policy']}{branch}: {outcome}"
    ImageDraw.Draw(caption).text((2, 1), text, fill="black")
    return np.concatenate([np.asarray(caption), *strips])
