"""What the trainings of agents share: whose folder it is, and what they learnt from."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError
from experiments.runs.store import write_atomically
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
            raise UserError(
                f"{out} holds a run with other options ({', '.join(differing)}): "
                "choose another folder"
            )
    write_atomically(path, json.dumps(wanted) + "\n")


def episodes_of(
    data: TrajectoryDataset, share: float = 1.0, policies: tuple[str, ...] = ()
) -> NDArray[np.bool_]:
    """Which episodes of a data set are learnt from.

    Args:
        data: all of it.
        share: of its episodes, from the first on: every training takes the same ones, so that
            learning curves compare like with like.
        policies: only episodes that these (by prefix) collected; all, where none is named.

    Returns:
        (E,) mask.

    Raises:
        ValueError: when the share is not in (0, 1], or nothing is left.
    """
    if not 0.0 < share <= 1.0:
        raise UserError(f"share {share} of the data: allowed is more than 0, up to 1")
    kept = np.arange(len(data)) < max(1, round(share * len(data)))
    if policies:
        kept &= [str(policy).startswith(policies) for policy in data.column("policy")]
    if not kept.any():
        raise UserError(f"no episode of {data.path} was collected by {', '.join(policies)}")
    return kept


def check_demonstrators(
    data: TrajectoryDataset, episodes: NDArray[np.bool_], demonstrators: tuple[str, ...]
) -> None:
    """Refuse to imitate policies that collected nothing of what is learnt from.

    Raises:
        ValueError: naming the policies there are.
    """
    policies = sorted({str(policy) for policy in data.column("policy")[episodes]})
    if not any(policy.startswith(demonstrators) for policy in policies):
        raise UserError(
            f"no episode of {data.path} was collected by {', '.join(demonstrators)}: "
            f"allowed are prefixes of {', '.join(policies)}"
        )


def data_card(data: TrajectoryDataset, episodes: NDArray[np.bool_]) -> dict[str, Any]:
    """Facts about what was learnt from, for a model's card; one digest means the same episodes."""
    digests = itertools.compress(data.digests(), episodes)
    sha = hashlib.sha256("".join(digests).encode())
    return {
        "data": data.meta,
        "frames": int(data.lengths[episodes].sum()),
        "episodes": {"count": int(episodes.sum()), "digest": sha.hexdigest()[:16]},
    }
