"""What the episodes of one run come to: rates, intervals, medians, why episodes failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.errors import UserError
from experiments.runs.spec import RunSpec
from experiments.runs.statistics import wilson

SCHEMA_VERSION = 3


REASONS = {
    "timeout": "ran out of time",
    "goal_failed": "had no goal pictures: the scripted expert failed, which counts for every agent",
    "physics_error": "ended because the simulation diverged",
}
"""Why an episode failed, in words."""


def odd_failures(summary: Mapping[str, Any]) -> list[str]:
    """A clause for every reason for failing but time: how many episodes, and why."""
    return [
        f"{count} of {summary['n']} episodes {REASONS.get(reason, f'failed by {reason}')}"
        for reason, count in summary["failures"].items()
        if reason != "timeout"
    ]


def credit(summary: Mapping[str, Any]) -> float | None:
    """Mean partial credit, where it tells more than the rate of success; else None."""
    found: float = summary["mean_credit"]
    return None if found == summary["success_rate"] else found


def summarise(spec: RunSpec, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates, interval and medians of one run, as JSON.

    Args:
        spec: of the run.
        rows: its episodes by seed; every one counts, whatever ended it.

    Raises:
        ValueError: when there is none.
    """
    if not rows:
        raise UserError("no finished episode to summarise")
    successes = sum(row["success"] for row in rows)
    low, high = wilson(successes, len(rows))
    times = [row["seconds_per_action"] for row in rows if row["seconds_per_action"] is not None]
    solved = [row["steps"] for row in rows if row["success"]]
    distances = [row["distance_m"] for row in rows if row["distance_m"] is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "agent": spec.agent,
        "task": spec.task,
        "goal": spec.goal,
        "tier": rows[0]["tier"],
        "cameras": list(spec.cameras),
        "image_size": spec.image_size,
        "variation": spec.variation,
        "weights": spec.weights,
        "n": len(rows),
        "successes": successes,
        "success_rate": successes / len(rows),
        "wilson_low": low,
        "wilson_high": high,
        "within_4cm_rate": sum(row["within_4cm"] for row in rows) / len(rows),
        "mean_credit": sum(row.get("credit", float(row["success"])) for row in rows) / len(rows),
        "median_distance_m": float(np.median(distances)) if distances else None,
        "median_steps_to_success": float(np.median(solved)) if solved else None,
        "median_seconds_per_action": float(np.median(times)) if times else None,
        "stages": _counts(row["stage"] for row in rows),
        "failures": _counts(row["failure"] for row in rows if row["failure"]),
        "threads": spec.threads,
        "seeds": [rows[0]["seed"], rows[-1]["seed"] + 1],
        "run_key": spec.key,
        "options": spec.options,
        "git_commits": sorted({row["versions"].get("git_commit", "unknown") for row in rows}),
        "versions": rows[-1]["versions"],
    }


def _counts(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
