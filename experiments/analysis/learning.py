"""How success grows with experience, and how far trainings differ.

Options and help: ``experiments.options.learning``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from agents.checkpoint import training_of
from envs import TASKS
from envs.errors import UserError
from experiments.options.learning import LearningConfig
from experiments.report.palette import COLOURS
from experiments.report.tables import table
from experiments.runs import naming
from experiments.runs.arms import Arm, load_arms
from experiments.runs.choices import output_folder
from experiments.runs.spec import RunSpec
from experiments.runs.statistics import iqm, stratified_bootstrap, wilson
from experiments.runs.store import read_json

TRANSITIONS, FRAMES = "environment transitions", "offline frames"
Counts = tuple[int, int]
"""Successes, episodes."""
Curves = dict[str, dict[int, Counts]]
"""Agent -> experience -> counts, summed over training seeds."""


def main(config: LearningConfig) -> None:
    """Draw the figures and print the table."""
    if not config.folders:
        raise UserError("a folder with cards of trained agents, or with evaluations, is needed")
    folders = [Path(name) for name in config.folders]
    cards = [card for folder in folders for card in read_cards(folder)]
    arms = [
        arm
        for arm in load_arms(*folders, needed=not cards)
        if config.goal in (None, arm.spec.goal)
        and config.cameras in (None, ",".join(arm.spec.cameras))
    ]
    if not cards and not arms:
        raise UserError("no evaluation is on these goal pictures and with these cameras")
    out = output_folder(config.out)
    out.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        both = {TRANSITIONS: online(cards, task), FRAMES: offline(arms, task)}
        curves = {kind: agents for kind, agents in both.items() if agents}
        if curves:
            draw(curves, task, out / f"learning-{task}")
            print(f"wrote {out / f'learning-{task}'}.png and .pdf")
    rows = spread(arms)
    if rows:
        print(table(HEADER, rows))


def read_cards(folder: Path) -> list[dict[str, Any]]:
    """Cards with a learning curve below a folder."""
    cards = [read_json(path) for path in sorted(folder.glob("**/config.json"))]
    return [card for card in cards if card.get("curve")]


def online(cards: Sequence[Mapping[str, Any]], task: str) -> Curves:
    """Success on development seeds during reinforcement learning."""
    curves: Curves = defaultdict(lambda: defaultdict(lambda: (0, 0)))
    for card in cards:
        if card["task"] != task:
            continue
        episodes = card["training"]["eval_seeds"]
        points = curves[training_of(card, 0).label]
        for row in card["curve"]:
            _add(points, row["steps"], (round(row["success"] * episodes), episodes))
    return curves


def offline(arms: Sequence[Arm], task: str) -> Curves:
    """Success of agents by the frames of the data set they learnt from, for each conditions."""
    curves: Curves = defaultdict(lambda: defaultdict(lambda: (0, 0)))
    mine = [arm for arm in arms if arm.spec.task == task and arm.facts.get("offline_frames")]
    several = len({arm.conditions for arm in mine}) > 1
    for arm, name in _without_weights(mine):
        label = f"{name.label}, {name.conditions}" if several else name.label
        _add(
            curves[label],
            arm.facts["offline_frames"],
            (arm.summary["successes"], arm.summary["n"]),
        )
    return curves


def _add(points: dict[int, Counts], experience: int, counts: Counts) -> None:
    successes, episodes = points[experience]
    points[experience] = (successes + counts[0], episodes + counts[1])


def draw(curves: Mapping[str, Curves], task: str, path: Path) -> None:
    """One panel for each kind of experience, Wilson intervals shaded or as bars."""
    figure = Figure(figsize=(4.5 * len(curves), 3.4), layout="tight")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    labels = sorted({label for agents in curves.values() for label in agents})
    colour = dict(zip(labels, cycle(COLOURS), strict=False))  # the same in every panel
    for axis, (kind, agents) in zip(panels, curves.items(), strict=True):
        for label, points in sorted(agents.items()):
            x = sorted(points)
            rates = [points[at][0] / points[at][1] for at in x]
            low, high = np.transpose([wilson(*points[at]) for at in x])
            (line,) = axis.plot(
                x, rates, marker="o", markersize=3, color=colour[label], label=label
            )
            axis.fill_between(x, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
            if len(x) == 1:
                axis.vlines(x, low, high, color=line.get_color())
        axis.set_xlabel(kind)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_ylim(-0.02, 1.02)
        axis.legend(fontsize=6)
    panels[0].set_ylabel(f"success, {task}")
    for ending in ("png", "pdf"):
        figure.savefig(f"{path}.{ending}", dpi=150)


HEADER = (
    *("task", "conditions", "agent", "offline frames", "success by training"),
    *("mean", "lowest to highest", "IQM", "95 % interval of the IQM"),
)
ENOUGH = 4
"""Trainings from which on an interquartile mean leaves any out; of three it is their mean."""


def spread(arms: Sequence[Arm]) -> list[tuple[str, ...]]:
    """Rows of ``HEADER``: agents of which several trainings were evaluated alike.

    Trainings are runs whose specification differs in nothing but the weights, on the same seeds and
    after as many offline frames.
    """
    groups: dict[tuple[Any, ...], list[Arm]] = defaultdict(list)
    for arm, name in _without_weights(arms):
        if arm.facts:
            options = json.dumps(recipe_of(arm.spec), sort_keys=True)
            frames = arm.facts["offline_frames"]
            groups[arm.spec.task, name.conditions, name.label, frames, options, arm.starts].append(
                arm
            )
    rows = []
    for (task, conditions, label, frames, *_), runs in groups.items():
        trainings = list({_weights(run): run for run in runs}.values())
        if len(trainings) > 1:
            seen = f"{frames:,}" if frames else "-"
            rows.append((task, conditions, label, seen, *_spread_cells(trainings)))
    return sorted(rows)


def _weights(run: Arm) -> Hashable:
    """Which weights a run is of; where nobody noted them, the ways they went are as good a name."""
    return run.spec.weights or tuple(row["path_length_m"] for row in run.rows)


def recipe_of(spec: RunSpec) -> dict[str, Any]:
    """A specification but for which weights are used."""
    options = {name: value for name, value in spec.options.items() if name != "model"}
    return asdict(replace(spec, options=options, weights=None))


def _without_weights(arms: Sequence[Arm]) -> list[tuple[Arm, naming.Name]]:
    """Arms with names that trainings of one recipe share."""
    names = naming.names([arm.subject for arm in arms], weights=False)
    return list(zip(arms, names, strict=True))


def _spread_cells(trainings: Sequence[Arm]) -> tuple[str, ...]:
    each = ", ".join(f"{run.summary['successes']}/{run.summary['n']}" for run in trainings)
    scores = np.array([[run.summary["success_rate"]] for run in trainings])
    middle, interval = "-", "-"
    if len(trainings) >= ENOUGH:
        low, high = stratified_bootstrap(scores, iqm)
        middle, interval = f"{iqm(scores):.1%}", f"{low:.1%} to {high:.1%}"
    extremes = f"{scores.min():.1%} to {scores.max():.1%}"
    return each, f"{scores.mean():.1%}", extremes, middle, interval
