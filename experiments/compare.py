"""Every agent on every task on identical seeds: one table, paired tests, videos, one page.

    worldsim compare                                   a handful of demo seeds
    worldsim compare --seeds 200000:200200 --out runs/full

Every pixel agent is given the same goal pictures. Rows are paired only where the initial-state
hashes agree, seed by seed. The same command on the same folder goes on where it stopped.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import envs
from agents.base import AGENTS
from envs.spec import check_choice
from experiments.evaluate import evaluate
from experiments.report.publish import publish
from experiments.runs.arms import Arm
from experiments.runs.seeds import parse_seeds
from experiments.runs.store import RunSpec

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
        workers: processes.
        videos: draw one success and one failure per agent and task.
    """

    agents: str = DEFAULT_AGENTS
    tasks: str = "reach,grasp,pick-place"
    seeds: str = "190000:190006"
    out: str = "runs/compare"
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    threads: int = 1
    workers: int = 1
    videos: bool = True


def main(config: CompareConfig) -> None:
    """Run what is missing, print the tables, write page and videos."""
    seeds = parse_seeds(config.seeds)
    agents, tasks = config.agents.split(","), config.tasks.split(",")
    for agent in agents:
        check_choice("agent", agent, tuple(AGENTS))
    for task in tasks:
        check_choice("task", task, tuple(envs.TASKS))
    folder = Path(config.out)
    arms, missing = run_arms(config, agents, tasks, seeds, folder)
    command = "worldsim " + " ".join(sys.argv[1:])
    print(publish(folder, arms, missing, command, videos=config.videos))


def run_arms(
    config: CompareConfig, agents: list[str], tasks: list[str], seeds: tuple[int, ...], folder: Path
) -> tuple[list[Arm], list[str]]:
    """Evaluate every agent on every task; what cannot be made is said, not dropped in silence."""
    arms, missing = [], []
    for task in tasks:
        for agent in agents:
            spec = RunSpec(
                agent, task, config.goal, tuple(config.cameras.split(",")), threads=config.threads
            )
            place = folder / "runs" / f"{task}_{agent}"
            try:
                summary = evaluate(spec, seeds, place, config.workers)
            except ValueError as error:
                if not str(error).startswith("no "):
                    raise
                missing.append(f"{agent} on {task}: {error}")
                continue
            arms.append(Arm.of(place, seeds, summary))
    return arms, missing
