"""Frames per second of the four parts of training, on made-up frames at the sizes of ``tiny``.

    worldsim bench train --json

A frame is one time step, of one view in stage 1 and of two elsewhere, and counts each time it is
trained on: batch times frames per window. The parts alternate round by round, so that a busy
neighbour slows all alike; medians are reported, checkpoints included.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchTrainConfig:
    """Options of ``worldsim bench train``.

    Attributes:
        rounds: measurements of each part, after one that is not counted.
        steps: optimiser steps per measurement.
        device: cpu, cuda, ...
        threads: torch threads.
        json: file for the results; alone, they are printed as JSON.
    """

    rounds: int = 5
    steps: int = 5
    device: str = "cpu"
    threads: int = 1
    json: str | None = None
