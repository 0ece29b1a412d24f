"""Every agent on every task on identical seeds: one table, paired tests, videos, one page.

    worldsim compare                                   a handful of demo seeds
    worldsim compare --seeds 201000:201200 --out runs/full

Every pixel agent is given the same goal pictures. Rows are paired only where the initial-state
hashes agree, seed by seed. The same command on the same folder goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_AGENTS = "world-model,servo,octo-like,gc-bc,sac-her,ppo,expert,random"


@dataclass(frozen=True)
class CompareConfig:
    """Options of ``worldsim compare``.

    Attributes:
        agents: comma list.
        tasks: comma list; in rearrangements world-model plans and clones with the model "play".
        seeds: first:end (end excluded) or a comma list.
        out: folder for results, page and videos.
        goal: subgoals, dense or final; rearrangements are always asked for by final.
        cameras: comma list of left, right, wrist.
        threads: of the numerical libraries.
        workers: processes; default: one a core. Outcomes do not depend on it.
        videos: draw those starts on which the agents differ most, and a failure of each agent.
        force: allow training and reserved seeds.
    """

    agents: str = DEFAULT_AGENTS
    tasks: str = "reach,grasp,pick-place,rearrange-2"
    seeds: str = "190000:190006"
    out: str = "runs/compare"
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    threads: int = 1
    workers: int | None = None
    videos: bool = True
    force: bool = False
