"""What the trainings of agents share: whose folder it is, and what they learnt from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.store import write_atomically
from worldsim.data import TrajectoryDataset

# Options that may differ between the runs that make up one training.
_FREE = ("out", "device", "threads", "subprocesses")


def claim(
    out: Path,
    config: Any,
    facts: dict[str, Any] | None = None,
    free: tuple[str, ...] = (),
) -> None:
    """Say in a folder which training runs there, so that none resumes another's checkpoint.

    Args:
        out: the folder.
        config: the training's options, a dataclass.
        facts: what else the training depends on.
        free: further options that may differ.

    Raises:
        ValueError: when another training, or one with other options, runs there.
    """
    options = {k: v for k, v in asdict(config).items() if k not in (*_FREE, *free)}
    wanted = json.loads(json.dumps({"training": type(config).__name__, **options, **(facts or {})}))
    path = out / "run.json"
    if path.exists():
        found = json.loads(path.read_text())
        differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        if differing:
            raise ValueError(
                f"{out} holds a run with other options ({', '.join(differing)}): "
                "choose another folder"
            )
    write_atomically(path, json.dumps(wanted) + "\n")


def episodes_of(data: TrajectoryDataset, share: float) -> int:
    """How many of a data set's episodes, from the first on, are a share of them.

    Every training takes the same ones, so that learning curves compare like with like.

    Raises:
        ValueError: when the share is not in (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share {share} of the data: allowed is more than 0, up to 1")
    return max(1, round(share * len(data)))


def check_demonstrators(
    data: TrajectoryDataset, demonstrators: tuple[str, ...], share: float = 1.0
) -> None:
    """Refuse to imitate policies that collected nothing of what is learnt from.

    Raises:
        ValueError: naming the policies there are; when the share is not in (0, 1].
    """
    kept = data.column("policy")[: episodes_of(data, share)]
    policies = sorted({str(policy) for policy in kept})
    if not any(policy.startswith(demonstrators) for policy in policies):
        raise ValueError(
            f"no episode of {data.path} was collected by {', '.join(demonstrators)}: "
            f"allowed are prefixes of {', '.join(policies)}"
        )


def data_card(data: TrajectoryDataset, share: float = 1.0) -> dict[str, Any]:
    """Facts about a data set for a model's card; equal "episodes" mean the same episodes."""
    count = episodes_of(data, share)
    sha = hashlib.sha256("".join(data.digests()[:count]).encode())
    return {
        "data": data.meta,
        "frames": int(data.lengths[:count].sum()),
        "episodes": {"count": count, "digest": sha.hexdigest()[:16]},
    }
