"""Who kept to a rule, by ways that were recorded (options: ``experiments.options.violations``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from envs.errors import UserError
from experiments.options.violations import ViolationsConfig
from experiments.report.episodes import StoredEpisode
from experiments.report.tables import table
from experiments.runs.arms import Arm, load_arms
from experiments.runs.statistics import wilson
from worldsim.context import Context
from worldsim.planning.cost import costs_of
from worldsim.planning.energies.energy import Energy, Futures, Situation, is_constraint
from worldsim.planning.names import made_of
from worldsim.world_model import WorldModel


def main(config: ViolationsConfig) -> None:
    """Print a row for each arm."""
    if not config.folders:
        raise UserError("a folder of runs is needed")
    rule = made_of(config.energy, "energy")
    if not is_constraint(rule):
        raise UserError(f"{config.energy} is a wish, not a rule: it lacks constraint = True")
    rows = [_cells(arm, rule) for arm in load_arms(*map(Path, config.folders))]
    print(table(("task", "agent", "solved", f"kept to {config.energy}", "both"), rows))


def violation(rule: Energy, proprio: NDArray[np.floating[Any]]) -> float:
    """What a rule says of the way from pose to pose (T, 7); 0 where it was kept to."""
    if len(proprio) < 2:
        return 0.0
    poses = torch.as_tensor(proprio, dtype=torch.float32)
    nothing, start = torch.zeros(1, 0, 0), proprio[:1].astype(np.float64)
    context = Context(nothing, np.zeros((0, 7)), start, start[0])
    states = poses[None, 1:]
    futures = Futures(torch.zeros_like(states), torch.zeros(1, len(poses) - 1, 0, 0), states)
    # What was done is judged, not what a model imagines.
    situation = Situation(cast(WorldModel, None), context, nothing[0])
    return float(costs_of(rule, futures, situation)[0])


def _cells(arm: Arm, rule: Energy) -> tuple[str, ...]:
    episodes = StoredEpisode.all_of(arm)
    if len(episodes) < len(arm.rows):
        raise UserError(
            f"{arm.folder} lacks the states of {len(arm.rows) - len(episodes)} episodes"
        )
    kept = [violation(rule, episode.load()["proprio"]) == 0.0 for episode in episodes]
    solved = [bool(episode.row["success"]) for episode in episodes]
    both = sum(k and s for k, s in zip(kept, solved, strict=True))
    n, (low, high) = len(episodes), wilson(both, len(episodes))
    share = f"{both}/{n} = {both / n:.0%} [{100 * low:.1f}, {100 * high:.1f}]"
    return arm.spec.task, arm.label, f"{sum(solved)}/{n}", f"{sum(kept)}/{n}", share
