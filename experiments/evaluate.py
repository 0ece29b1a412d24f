"""One agent on one task over a list of seeds (options: ``experiments.options.evaluate``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envs.errors import UserError
from experiments.options.evaluate import EvaluateConfig
from experiments.runs.budgets import counted
from experiments.runs.choices import checked_spec, listed, output_folder
from experiments.runs.driver import complete
from experiments.runs.executors import make_executor
from experiments.runs.runner import runner
from experiments.runs.seeds import check_purpose, parse_seeds
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore, check_run_folder
from experiments.runs.summaries import credit, odd_failures

AGENT_OPTIONS = (
    *("planner", "budget_ms", "energy", "value", "hops", "model", "advance", "execution", "device"),
)
SWITCHES = ("calibrate", "homing")


def make_spec(config: EvaluateConfig) -> RunSpec:
    """Check every choice before anything runs; a ValueError names what is allowed."""
    return checked_spec(
        config.agent,
        config.task,
        config.goal,
        listed("camera", config.cameras),
        config.variation,
        config.threads,
        {name: getattr(config, name) for name in AGENT_OPTIONS}
        | {name: getattr(config, name) or None for name in SWITCHES},
    )


def main(config: EvaluateConfig) -> None:
    """Run what is missing, then print and write the summary."""
    seeds = parse_seeds(config.seeds)
    if not config.force:
        check_purpose(seeds, ("training", "reserved"))
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
    made = runner(counted(spec, [folder]))
    spec, facts = made.spec, {"made_of": made.made_of}
    executor = make_executor("local", workers, spec.threads, folder)
    errors = complete({folder: spec}, seeds, executor, f"{spec.agent} {spec.task}")
    if errors:
        raise UserError(f"{spec.agent} on {spec.task}: {errors[folder]}")
    return RunStore(folder, spec).summarise(seeds, facts)
