"""From names a user typed to the spec of a run; a mistake is named before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import envs
from agents.base import AGENTS
from envs.errors import UserError
from envs.goals import MODES
from envs.spec import CAMERAS, check_choice
from envs.variations import VARIATIONS
from experiments.runs.naming import flat
from experiments.runs.spec import RunSpec

_ON_PICTURES = ("world-model", "servo", "octo-like", "gc-bc", "sac-latent")
# Which agents take which option.
OPTIONS: dict[str, tuple[str, ...]] = {
    "planner": ("world-model",),
    "model": (*_ON_PICTURES, "sac-her", "tqc-her", "ppo"),
    "advance": _ON_PICTURES,
    "execution": ("octo-like",),
    "draws": ("octo-like",),
    "search": ("world-model",),
    "energy": ("world-model",),
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
    check_choice("task", task, tuple(envs.TASKS))
    check_choice("goal", goal, MODES)
    check_choice("variation", variation, tuple(VARIATIONS))
    for camera in cameras:
        check_choice("camera", camera, CAMERAS)
    if threads < 1:
        raise UserError(f"threads must be at least 1, got {threads}")
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        check_choice("option", name, tuple(OPTIONS))
        if agent not in OPTIONS[name]:
            takers = ", ".join(OPTIONS[name])
            raise UserError(f"{name} is an option of {takers}, not of {agent}")
    return RunSpec(agent, task, goal, cameras, variation=variation, threads=threads, options=given)


def output_folder(text: str) -> Path:
    """The folder of an ``--out``.

    Raises:
        UserError: when it is empty, which would be the working directory, or a file.
    """
    folder = Path(text)
    if not text.strip():
        raise UserError("--out is empty: give a folder for the results, such as runs/mine")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {text!r} is a file: give a folder for the results")
    return folder


def label(spec: RunSpec) -> str:
    """An agent and all options it was given, for people; ``naming`` tells arms of a set apart."""
    return " ".join([spec.agent, *(f"{k}={v}" for k, v in flat(spec.options).items())])
