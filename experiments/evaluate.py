"""Evaluate one agent on one task over a list of seeds.

    worldsim evaluate --agent world-model --task reach --seeds 201000:201200 --out runs/reach

Episodes run one at a time in each process and never share a generator: an outcome depends on the
seed and the spec alone, not on the number of workers. Ctrl-C keeps what is finished; the same
command goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.errors import UserError
from experiments.runs.choices import checked_spec, output_folder
from experiments.runs.driver import complete
from experiments.runs.executors import make_executor
from experiments.runs.runner import runner
from experiments.runs.seeds import check_purpose, parse_seeds
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore, check_run_folder
from experiments.runs.summaries import credit, odd_failures

AGENT_OPTIONS = ("planner", "energy", "value", "model", "advance", "execution")


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``worldsim evaluate``.

    Attributes:
        agent: world-model, sac-her, expert, random, ...
        task: reach, grasp, pick-place, push, robosuite/Lift, -PickPlaceCan, -Stack or -Door, or
            package.module:NAME of an environment of your own.
        seeds: first:end (end excluded) or a comma list; 201000:201200 are for reported results.
        out: folder for the results; the same command on the same folder continues.
        goal: subgoals (the paper's pictures), dense (every stage) or final (one picture).
        cameras: comma list of left, right, wrist; robosuite's agentview.
        planner: of the world-model agent: cem (ours), icem, mppi, predictive-sampling, gradient,
            gradient+cem, lagrangian, vjepa2-ac (the paper's), search (ours without proposals),
            policy (proposals without search), tree (chains of recorded chunks; needs a value), or
            package.module:Class.
        energy: further energies to plan with, package.module:Class, separated by commas.
        value: folder that ``train value`` wrote, for the world-model agent to plan with.
        model: folder of the agent's weights; for world-model and servo also a shipped name or
            V-JEPA 2-AC's released file.
        advance: arrival or schedule, how a pixel agent moves on to the next picture.
        execution: receding, half or ensemble, how far octo-like follows a chunk of actions.
        variation: recipe of appearances.
        threads: of the numerical libraries; part of the result's specification.
        workers: processes; outcomes do not depend on it.
        force: allow training seeds.
    """

    agent: str
    task: str
    seeds: str
    out: str
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    planner: str | None = None
    energy: str | None = None
    value: str | None = None
    model: str | None = None
    advance: str | None = None
    execution: str | None = None
    variation: str = "default"
    threads: int = 1
    workers: int = 1
    force: bool = False


def make_spec(config: EvaluateConfig) -> RunSpec:
    """Check every choice before anything runs; a ValueError names what is allowed."""
    return checked_spec(
        config.agent,
        config.task,
        config.goal,
        tuple(config.cameras.split(",")),
        config.variation,
        config.threads,
        {name: getattr(config, name) for name in AGENT_OPTIONS},
    )


def main(config: EvaluateConfig) -> None:
    """Run what is missing, then print and write the summary."""
    seeds = parse_seeds(config.seeds)
    if not config.force:
        check_purpose(seeds, ("training",))
    spec, folder = make_spec(config), output_folder(config.out)
    check_run_folder(folder)
    summary = evaluate(spec, seeds, folder, config.workers)
    print(describe(summary))


def describe(summary: dict[str, Any]) -> str:
    """One line for people."""
    seconds = summary["median_seconds_per_action"]
    part = credit(summary)
    credited = "" if part is None else f", credit {part:.1%}"
    speed = "" if seconds is None else f", {1000 * seconds:.0f} ms per action"
    odd = "".join(f"; {clause}" for clause in odd_failures(summary))
    return (
        f"{summary['agent']} on {summary['task']} ({summary['goal']}): "
        f"{summary['successes']}/{summary['n']} = {summary['success_rate']:.1%} "
        f"[{summary['wilson_low']:.1%}, {summary['wilson_high']:.1%}]{credited}{speed}{odd}"
    )


def evaluate(
    spec: RunSpec, seeds: tuple[int, ...], folder: Path, workers: int = 1
) -> dict[str, Any]:
    """Run the episodes of a spec that a folder does not hold yet.

    Args:
        spec: what to run.
        seeds: on which starts.
        folder: results.
        workers: processes.

    Returns:
        The summary over ``seeds``.
    """
    # An agent that cannot be made is a mistake to report before any folder appears.
    made = runner(spec)
    spec, facts = made.spec, {"made_of": made.made_of}
    executor = make_executor("local", workers, spec.threads, folder)
    errors = complete({folder: spec}, seeds, executor, f"{spec.agent} {spec.task}")
    if errors:
        raise UserError(f"{spec.agent} on {spec.task}: {errors[folder]}")
    return RunStore(folder, spec).summarise(seeds, facts)
