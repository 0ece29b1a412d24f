"""Sweeps: what a second worker brings, what scheduling costs, how long big results take to read.

    worldsim bench sweep --json

Workers are measured on the sweep people run (``world-model`` on grasp, pictures at every step), in
fresh processes each time, one and two in turn, the seconds they take to start included. Scheduling
is measured on runs that do nothing but store a line.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchSweepConfig:
    """Options of ``worldsim bench sweep``.

    Attributes:
        episodes: that render, for each number of workers.
        rounds: of one worker and two.
        runs: that do nothing, to see what scheduling costs.
        rows: of episodes to collect and report.
        json: file for the results; alone, they are printed as JSON.
    """

    episodes: int = 48
    rounds: int = 1
    runs: int = 10_000
    rows: int = 100_000
    json: str | None = None
