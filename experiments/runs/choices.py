"""From names a user typed to the spec of a run; a mistake is named before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envs
from agents.base import AGENTS
from envs.errors import UserError
from envs.spec import check_choice
from envs.task import GOAL_MODES
from envs.variations import get_variation
from experiments.runs.naming import flat
from experiments.runs.spec import RunSpec
from worldsim.devices import check_threads

_ON_PICTURES = ("world-model", "servo", "octo-like", "gc-bc", "sac-latent")
_LEARNT = (*_ON_PICTURES, "sac-her", "tqc-her", "ppo")


@dataclass(frozen=True)
class Option:
    """An option of agents.

    Attributes:
        kind: of its value.
        agents: that take it.
    """

    kind: type
    agents: tuple[str, ...]


OPTIONS: dict[str, Option] = {
    "planner": Option(str, ("world-model",)),
    "model": Option(str, _LEARNT),
    "device": Option(str, _LEARNT),
    "advance": Option(str, _ON_PICTURES),
    "execution": Option(str, ("octo-like",)),
    "draws": Option(int, ("octo-like",)),
    "search": Option(dict, ("world-model",)),
    "cost": Option(dict, ("world-model",)),
    "energy": Option(str, ("world-model",)),
    "value": Option(str, ("world-model",)),
    "surprise": Option(float, ("world-model",)),
    "hops": Option(int, ("world-model",)),
    "calibrate": Option(bool, ("world-model", "servo", "gc-bc")),
    "homing": Option(bool, ("world-model", "servo", "gc-bc")),
    "budget_ms": Option(float, ("world-model",)),
    "counts": Option(dict, ("world-model",)),
}
_WORDS = {
    bool: "true or false",
    str: "a word",
    int: "a whole number",
    float: "a number",
    dict: "a list of named settings",
}


def checked_spec(
    agent: str,
    task: str,
    goal: str,
    cameras: tuple[str, ...],
    variation: str,
    threads: int,
    options: Mapping[str, Any],
) -> RunSpec:
    """The spec of these choices; options that are None are left out.

    Raises:
        ValueError: naming what is allowed.
    """
    check_choice("agent", agent, tuple(AGENTS))
    allowed_cameras = envs.find_task(task).cameras
    check_choice("goal", goal, GOAL_MODES)
    get_variation(variation)  # or an error that names the allowed ones
    for camera in cameras:
        check_choice("camera", camera, allowed_cameras)
    check_threads(threads)
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        _check_option(agent, name, value)
    return RunSpec(agent, task, goal, cameras, variation=variation, threads=threads, options=given)


def _check_option(agent: str, name: str, value: Any) -> None:
    check_choice("option", name, tuple(OPTIONS))
    option = OPTIONS[name]
    if agent not in option.agents:
        raise UserError(f"{name} is an option of {', '.join(option.agents)}, not of {agent}")
    if type(value) is not option.kind and (option.kind, type(value)) != (float, int):
        raise UserError(f"{name}: {_WORDS[option.kind]} is needed, got {value!r}")
    settings = {name: value}
    if isinstance(value, dict):
        settings = {f"{name}.{setting}": given for setting, given in value.items()}
    for setting, given in settings.items():
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, bool | int | float | str) or _endless(one):
                raise UserError(f"{setting}: a number is needed, got {given!r}")


def _endless(value: bool | int | float | str) -> bool:
    """Whether it is infinite or no number at all, as ``.nan`` in YAML."""
    return isinstance(value, float) and not math.isfinite(value)


def listed(what: str, text: str) -> tuple[str, ...]:
    """The names of a comma list.

    Raises:
        UserError: for an empty one, and for one that is given twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UserError(f"{what}s {text!r}: a name is empty")
    if len(set(names)) < len(names):
        raise UserError(f"{what}s {text!r}: a name is given twice")
    return names


def output_folder(text: str) -> Path:
    """The folder of an ``--out``.

    Raises:
        UserError: when it is empty, which would be the working directory, a file, or below one.
    """
    folder = Path(text)
    if not text.strip():
        raise UserError("--out is empty: give a folder for the results, such as runs/mine")
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"--out {text!r}: {there} is a file: give a folder for the results")
    return folder


def label(spec: RunSpec) -> str:
    """An agent and all options it was given, for people; ``naming`` tells arms of a set apart."""
    return " ".join([spec.agent, *(f"{k}={v}" for k, v in flat(spec.options).items())])
