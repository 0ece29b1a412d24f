"""Every agent on every task on identical seeds (options: ``experiments.options.compare``)."""

from __future__ import annotations

import itertools
import os
import sys

from agents.checkpoint import MissingWeightsError
from envs.errors import UserError
from experiments.options.compare import CompareConfig
from experiments.report.publish import publish
from experiments.runs.campaign import Run, carry_out, check_folder, claimed, prepared
from experiments.runs.choices import checked_spec, listed, output_folder
from experiments.runs.executors import make_executor
from experiments.runs.seeds import check_purpose, parse_seeds


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
    """Every agent on every task; agents without weights for a task are said, not left out."""
    runs, absent = [], []
    agents, tasks = listed("agent", config.agents), listed("task", config.tasks)
    cameras = listed("camera", config.cameras)
    for task, agent in itertools.product(tasks, agents):
        spec = checked_spec(agent, task, config.goal, cameras, "default", config.threads, {})
        try:
            runs.append(prepared(spec))
        except MissingWeightsError as error:
            absent.append(f"{agent} on {task}: {error}")
    return runs, absent
