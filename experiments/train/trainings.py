"""What all trainings share: options that make sense, whose folder it is, what a card says."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from experiments.runs.versions import versions
from worldsim.data import TrajectoryDataset
from worldsim.devices import check_device, use_threads
from worldsim.errors import UserError
from worldsim.files import parse_json, write_atomically
from worldsim.tracking import check_tracker, open_tracker
from worldsim.training.run import TrainingRun

Main = TypeVar("Main", bound=Callable[[Any], None])

CLAIM = "run.json"
_CLAIMS: ContextVar[list[tuple[Path, bool]]] = ContextVar("claims")
"""Folders that the training now running has claimed, and whether it made them."""
# Options that may differ between the processes that make up one training. What ``data``, ``model``
# and ``encoder`` name is claimed by its content instead.
_FREE = (
    *("out", "device", "threads", "subprocesses", "tracker"),
    *("data", "model", "encoder", "start"),
)
# What a folder holds once something was trained, run, collected or put there.
_TRACES = ("*.pt", "config.json", "card.json", "spec.json", "sweep.json", "meta.json")

# Counts are at least 1 and other numbers at least 0, except for these.
_PARTS = ("joint", "posttrain", "goal_head", "proposals", "outcome", "executor", "flow_head")
_STEPS = tuple(f"{part}_steps" for part in _PARTS)
_MAY_BE_ZERO = ("seed", "copies", "demonstrations", "goals_per_step", *_STEPS)
_POSITIVE = ("rate", "gamma", "tau", "share")
_MOST = {
    "gamma": 1,
    "tau": 1,
    "share": 1,
    "single_view": 1,
    "goal_free": 1,
    "released": 1,
    "ema": 1,
    "seed": 2**32 - 1,
    "envs": 1024,
}
_MOST_COUNTED = 2**31 - 1


def check_options(config: Any) -> None:
    """Refuse what cannot be trained with, before anything is read, made or written.

    Torch is given its threads here.

    Args:
        config: a training's options, a dataclass with ``device``, ``threads`` and ``tracker``.

    Raises:
        UserError: a number out of its range, a device this machine lacks, a tracker that is not
            installed.
    """
    _check_numbers(config, "")
    if config.out == "":
        raise UserError("out is empty: give a folder")
    check_device(config.device)
    check_tracker(config.tracker)
    use_threads(config.threads)


def _check_numbers(config: Any, prefix: str) -> None:
    for option in fields(config):
        value, name = getattr(config, option.name), f"{prefix}{option.name}"
        if is_dataclass(value):
            _check_numbers(value, f"{name}.")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool):
                _check_number(name, option.name, number, count="int" in str(option.type))


def _check_number(name: str, option: str, value: float, count: bool) -> None:
    positive = not count and option.endswith(_POSITIVE)
    least = int(count and option not in _MAY_BE_ZERO)
    most = _MOST.get(option, _MOST_COUNTED if count else math.inf)
    if not math.isfinite(value) or not least <= value <= most or (positive and value == 0):
        below = f"more than {least}" if positive else f"at least {least}"
        above = "" if most == math.inf else f" and at most {most}"
        raise UserError(f"{name} {value}: allowed is {below}{above}")


def claim(
    name: str, config: Any, out: Path, facts: dict[str, Any], free: tuple[str, ...] = ()
) -> TrainingRun:
    """Say in a folder which training runs there, so that none resumes another's checkpoint.

    Args:
        name: of the command, "world-model", "sac-her", ...
        config: the training's options, a dataclass.
        out: the folder.
        facts: what else decides the result: digests of data and of weights that are built on.
        free: further options that may differ from process to process.

    Returns:
        The run, its clock started.

    Raises:
        UserError: when another training, or one with other options, runs there, saying what
            differs; or when the folder holds something that nobody claimed.
    """
    options = {k: v for k, v in asdict(config).items() if k not in (*_FREE, *free)}
    wanted = json.loads(json.dumps({"training": name, **options, **facts}))
    path = out / CLAIM
    if path.exists():
        _check_claim(path, wanted)
    elif _traces(out):
        raise UserError(
            f"{out} holds something else, or a model of an unknown training: choose another folder"
        )
    else:
        _CLAIMS.get([]).append((out, not out.exists()))
        write_atomically(path, json.dumps(wanted, indent=1) + "\n")
    tracker = open_tracker(config.tracker, out, out.name, wanted)
    return TrainingRun(out, tracker)


def gives_back(main: Main) -> Main:
    """A training that is refused before anything was learnt leaves its folder as it was.

    Otherwise its claim would stand there, and refuse the options once they are put right.
    """

    @wraps(main)
    def run(config: Any) -> None:
        mine: list[tuple[Path, bool]] = []
        token = _CLAIMS.set(mine)
        try:
            main(config)
        except ValueError:  # a UserError of either package
            for out, made in mine:
                if not _traces(out):
                    (out / CLAIM).unlink(missing_ok=True)
                    if made and not any(out.iterdir()):
                        out.rmdir()
            raise
        finally:
            _CLAIMS.reset(token)

    return cast(Main, run)


def _traces(out: Path) -> bool:
    """Whether a folder holds something that was trained, run, collected or put there."""
    return any(next(out.glob(trace), None) for trace in _TRACES)


def _check_claim(path: Path, wanted: dict[str, Any]) -> None:
    try:
        found = parse_json(path.read_text())
        training = found["training"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: choose another folder") from error
    if training != wanted["training"]:
        raise UserError(
            f"{path.parent} holds a run of 'train {training}': choose another folder for "
            f"'train {wanted['training']}'"
        )
    there, here = _flat(found), _flat(wanted)
    differing = [k for k in sorted(there.keys() | here.keys()) if there.get(k) != here.get(k)]
    if differing:
        told = (f"{k}: {_shown(there, k)} there, {_shown(here, k)} here" for k in differing)
        raise UserError(
            f"{path.parent} holds a run with other options ({'; '.join(told)}): choose another "
            "folder, or the same options"
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options by dotted names, as the command line knows them."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def _shown(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else "nothing"


def card_of(name: str, config: Any, run: TrainingRun, facts: dict[str, Any]) -> dict[str, Any]:
    """What the card of anything trained says, beside its own ``facts``.

    One training is what a command makes; how much another one would differ, its card cannot tell.
    """
    options = asdict(config)
    for option in ("data", "out", "model", "encoder", "start"):
        if isinstance(options.get(option), str):
            options[option] = Path(options[option]).name  # and nothing of this machine's folders
    return {
        "algorithm": name,
        **facts,
        "trainings": f"one, with seed {config.seed}",
        "training": options,
        "minutes": round(run.seconds / 60, 1),
        "versions": versions(),
    }


def write_card(out: Path, card: dict[str, Any]) -> None:
    """``card.json`` beside weights whose configuration is a file of its own."""
    write_atomically(out / "card.json", json.dumps(card, indent=1) + "\n")


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
        UserError: when the share is not in (0, 1], or nothing is left.
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
        UserError: naming the policies there are.
    """
    policies = sorted({str(policy) for policy in data.column("policy")[episodes]})
    if not any(policy.startswith(demonstrators) for policy in policies):
        raise UserError(
            f"no episode of {data.path} was collected by {', '.join(demonstrators)}: "
            f"allowed are prefixes of {', '.join(policies)}"
        )


def data_card(data: TrajectoryDataset, episodes: NDArray[np.bool_]) -> dict[str, Any]:
    """Facts about what was learnt from, for a model's card; one digest means the same episodes."""
    return {
        "data": data.meta,
        "frames": int(data.lengths[episodes].sum()),
        "episodes": {"count": int(episodes.sum()), "digest": _episodes_digest(data, episodes)},
    }


def data_claim(data: TrajectoryDataset, episodes: NDArray[np.bool_]) -> dict[str, Any]:
    """What a training depends on of a data set, wherever that lies."""
    labels = data.column("policy")[episodes].astype(str)
    policies = hashlib.sha256("\n".join(labels).encode()).hexdigest()[:16]
    named = ("cameras", "image_size", "control_period", "action_scale", "recipe")
    meta = {key: data.meta[key] for key in named if key in data.meta}
    return {"data": {"episodes": _episodes_digest(data, episodes), "policies": policies, **meta}}


def _episodes_digest(data: TrajectoryDataset, episodes: NDArray[np.bool_]) -> str:
    digests = itertools.compress(data.digests(), episodes)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
