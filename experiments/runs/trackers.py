"""What a tracker (``worldsim.tracking``) gets of a sweep: success over the number of episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from worldsim.tracking import Tracker

LOGGED = ("success_rate", "wilson_low", "wilson_high", "median_seconds_per_action")


def log_summaries(tracker: Tracker, summaries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Log named summaries of runs, and close the tracker."""
    # Services take steps in their order.
    for name, summary in sorted(summaries, key=lambda pair: pair[1]["n"]):
        numbers = {k: float(summary[k]) for k in LOGGED if summary[k] is not None}
        tracker.log(summary["n"], {f"{name}/{k}": v for k, v in numbers.items()})
    tracker.close()
