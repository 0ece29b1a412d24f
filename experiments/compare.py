"""Every agent on every task on identical seeds (options: ``experiments.options.compare``)."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping
from typing import Any

from agents.base import AGENTS
from agents.checkpoint import MissingWeightsError
from envs.errors import UserError
from envs.rearrange import Rearrange
from envs.spec import check_choice
from envs.tasks import TASKS
from experiments.options.compare import CompareConfig
from experiments.report.publish import publish
from experiments.runs.campaign import Run, carry_out, check_folder, claimed, prepared
from experiments.runs.choices import checked_spec, listed, output_folder
from experiments.runs.executors import make_executor
from experiments.runs.seeds import check_purpose, parse_seeds

_AS_IT_IS: tuple[Mapping[str, Any], ...] = ({},)
_REARRANGING: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    # What composes moves, and what clones the same play.
    "world-model": ({"model": "play", "planner": "moves"}, {"model": "play", "planner": "policy"}),
    "expert": _AS_IT_IS,
    "random": _AS_IT_IS,
}
"""Options of the agents that learnt from play, or need not learn at all."""


def main(config: CompareConfig) -> None:
    """Run what is missing, print the tables, write page and videos.

    Raises:
        UserError: for a mistake in the options, before anything runs; and when some runs could not
            be completed: the others are published.
    """
    seeds, folder = parse_seeds(config.seeds), output_folder(config.out)
    if not config.force:
        check_purpose(seeds, ("training", "reserved"))
    workers = len(os.sched_getaffinity(0)) if config.workers is None else config.workers
    executor = make_executor("local", workers, config.threads, folder)
    runs, absent = agents_of(config)
    if not runs:
        raise UserError("nothing can be run: " + "; ".join(absent))
    check_folder(folder, runs, seeds)
    with claimed(folder, runs, seeds):
        arms, failed = carry_out(folder, runs, seeds, executor, "compare")
        command = "worldsim " + " ".join(sys.argv[1:])
        artists = executor if config.videos else None
        print(publish(folder, arms, absent + failed, command, artists))
    if failed:
        raise UserError("not completed: " + "; ".join(failed))


def agents_of(config: CompareConfig) -> tuple[list[Run], list[str]]:
    """Every agent on every task; agents without weights for a task are said, not left out.

    Rearrangements are asked for by one final picture, whatever the goals of the other tasks are.
    """
    runs, absent = [], []
    agents, tasks = listed("agent", config.agents), listed("task", config.tasks)
    cameras = listed("camera", config.cameras)
    for task, agent in itertools.product(tasks, agents):
        check_choice("agent", agent, tuple(AGENTS))
        goal, ways = config.goal, _AS_IT_IS
        if _rearranges(task):
            goal, ways = "final", _REARRANGING.get(agent, ())
        for options in ways:
            spec = checked_spec(agent, task, goal, cameras, "default", config.threads, options)
            try:
                runs.append(prepared(spec))
            except MissingWeightsError as error:
                absent.append(f"{agent} on {task}: {error}")
        if not ways:
            absent.append(f"{agent} on {task}: no weights that learnt from play are shipped")
    return runs, absent


def _rearranges(task: str) -> bool:
    return task in TASKS and isinstance(TASKS[task].task(), Rearrange)
