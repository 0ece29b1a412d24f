"""A sweep's YAML file: agents x tasks x goals x variations x settings on the same seeds.

agents:
- random
- agent: world-model
planner: [cem, policy]            # every list is a choice to go through
search: {samples: [32, 64]}       # the planner's settings, by its own names
cost: {trust: 0.5}                # weights of our energies, by CostConfig's names
energy: my_rules:shelf            # further energies, separated by commas
budget_ms: [50, 100]              # time for an action, which the planner is fitted to
tasks:
- grasp
- task: reach                       # goals, cameras and variation of its own
  variation: new-lab
goals: [subgoals]                     # subgoals, dense, final
seeds: 201000:201050
cameras: [left, wrist]
variation: [default, new-lab]
threads: 1
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.errors import UserError
from envs.spec import check_choice
from experiments.runs.choices import OPTIONS, checked_spec
from experiments.runs.seeds import check_purpose, parse_seeds
from experiments.runs.spec import RunSpec
from experiments.yaml_file import parse_yaml, read_yaml

DEFAULTS: dict[str, Any] = {
    "agents": [],
    "tasks": ["reach", "grasp", "pick-place"],
    "goals": ["subgoals"],
    "seeds": "",
    "cameras": ["left", "wrist"],
    "variation": "default",
    "threads": 1,
}
_OF_A_TASK = ("goals", "cameras", "variation")
"""Keys that a task may have of its own, in place of the file's."""

_NOT_FOR_RESULTS = ("training", "development", "reserved")


@dataclass(frozen=True)
class Plan:
    """What a sweep runs: every spec on every seed."""

    specs: tuple[RunSpec, ...]
    seeds: tuple[int, ...]


def read_plan(path: Path, overrides: tuple[str, ...] = (), force: bool = False) -> Plan:
    """Read a sweep file.

    Args:
        path: of the YAML file.
        overrides: ``KEY=VALUE`` in YAML, in place of the file's.
        force: allow seeds that are not for results: training, development, reserved.

    Raises:
        ValueError: for an unknown key, an impossible choice, an empty product, a run that appears
            twice, or seeds that are not for results.
    """
    values = DEFAULTS | _mapping(path, read_yaml(path, "sweep file"))
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"override {text!r}: KEY=VALUE is needed, as in tasks=[reach]")
        check_choice("key", key, tuple(DEFAULTS))
        values[key] = parse_yaml(value, f"override {text!r}")
    seeds = _seeds(values["seeds"], force)
    specs = tuple(_specs(values))
    if not specs:
        raise UserError(f"{path}: nothing to run, agents, tasks or goals are empty")
    if len({spec.key for spec in specs}) < len(specs):
        raise UserError(f"{path}: the same run appears twice")
    return Plan(specs, seeds)


def _mapping(path: Path, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise UserError(f"{path}: keys are needed, allowed are {', '.join(DEFAULTS)}")
    for key in found:
        check_choice("key", key, tuple(DEFAULTS))
    return found


def _seeds(text: Any, force: bool) -> tuple[int, ...]:
    if isinstance(text, list):
        text = ",".join(map(str, text))
    seeds = parse_seeds(str(text))
    if not force:
        check_purpose(seeds, _NOT_FOR_RESULTS)
    return seeds


def _specs(values: dict[str, Any]) -> Iterator[RunSpec]:
    for entry in _list(values["tasks"]):
        task, own = _task(entry)
        scene = values | own
        cameras = tuple(_list(scene["cameras"]))
        conditions = itertools.product(_list(scene["goals"]), _list(scene["variation"]))
        for goal, variation in conditions:
            for agent in _list(values["agents"]):
                for name, options in _agents(agent):
                    yield checked_spec(
                        name, task, goal, cameras, variation, values["threads"], options
                    )


def _task(entry: Any) -> tuple[str, dict[str, Any]]:
    """A task's name and the keys that it has of its own."""
    if isinstance(entry, str):
        return entry, {}
    if not isinstance(entry, dict) or not isinstance(entry.get("task"), str):
        raise UserError(f"task {entry!r}: a name is needed, or 'task: NAME' with its own keys")
    own = {key: value for key, value in entry.items() if key != "task"}
    for key in own:
        check_choice("key of a task", key, _OF_A_TASK)
    return entry["task"], own


def _agents(entry: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """An agent's name and each of the combinations of its options."""
    if isinstance(entry, str):
        yield entry, {}
        return
    if not isinstance(entry, dict) or not isinstance(entry.get("agent"), str):
        raise UserError(f"agent {entry!r}: a name is needed, or 'agent: NAME' with its options")
    options = {key: value for key, value in entry.items() if key != "agent"}
    for key in options:
        check_choice("option", key, tuple(OPTIONS))
    for chosen in _choices(options):
        yield entry["agent"], chosen


def _choices(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every combination of what lists leave open, at any depth."""
    open_: list[list[Any]] = []
    for value in options.values():
        if isinstance(value, dict):
            open_.append(list(_choices(value)))
        else:
            open_.append(_list(value))
    for chosen in itertools.product(*open_):
        yield dict(zip(options, chosen, strict=True))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
