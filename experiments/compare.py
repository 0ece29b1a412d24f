"""Every agent on every task on identical seeds: one table, paired tests, videos, one page.

    worldsim compare                                   a handful of demo seeds
    worldsim compare --seeds 201000:201200 --out runs/full

Every pixel agent is given the same goal pictures. Rows are paired only where the initial-state
hashes agree, seed by seed. The same command on the same folder goes on where it stopped.
"""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass

from agents.checkpoint import MissingWeightsError
from envs.errors import UserError
from experiments.report.publish import publish
from experiments.runs.campaign import Run, carry_out, check_folder, claimed, prepared
from experiments.runs.choices import checked_spec, output_folder
from experiments.runs.executors import make_executor
from experiments.runs.seeds import check_purpose, parse_seeds

DEFAULT_AGENTS = "world-model,servo,octo-like,gc-bc,sac-her,ppo,expert,random"


@dataclass(frozen=True)
class CompareConfig:
    """Options of ``worldsim compare``.

    Attributes:
        agents: comma list.
        tasks: comma list.
        seeds: first:end (end excluded) or a comma list.
        out: folder for results, page and videos.
        goal: subgoals, dense or final.
        cameras: comma list of left, right, wrist.
        threads: of the numerical libraries.
        workers: processes; default: one a core. Outcomes do not depend on it.
        videos: draw one success and one failure per agent and task.
    """

    agents: str = DEFAULT_AGENTS
    tasks: str = "reach,grasp,pick-place"
    seeds: str = "190000:190006"
    out: str = "runs/compare"
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    threads: int = 1
    workers: int | None = None
    videos: bool = True


def main(config: CompareConfig) -> None:
    """Run what is missing, print the tables, write page and videos.

    Raises:
        UserError: for a mistake in the options, before anything runs; and when some runs could not
            be completed: the others are published.
    """
    seeds, folder = parse_seeds(config.seeds), output_folder(config.out)
    check_purpose(seeds, ("training",))
    workers = len(os.sched_getaffinity(0)) if config.workers is None else config.workers
    executor = make_executor("local", workers, config.threads, folder)
    runs, absent = agents_of(config)
    check_folder(folder, runs, seeds)
    with claimed(folder, runs, seeds):
        arms, failed = carry_out(folder, runs, seeds, executor, "compare")
        command = "worldsim " + " ".join(sys.argv[1:])
        print(publish(folder, arms, absent + failed, command, videos=config.videos))
    if failed:
        raise UserError("not completed: " + "; ".join(failed))


def agents_of(config: CompareConfig) -> tuple[list[Run], list[str]]:
    """Every agent on every task; agents without weights for a task are said, not left out."""
    runs, absent = [], []
    for task, agent in itertools.product(config.tasks.split(","), config.agents.split(",")):
        cameras = tuple(config.cameras.split(","))
        spec = checked_spec(agent, task, config.goal, cameras, "default", config.threads, {})
        try:
            runs.append(prepared(spec))
        except MissingWeightsError as error:
            absent.append(f"{agent} on {task}: {error}")
    return runs, absent
