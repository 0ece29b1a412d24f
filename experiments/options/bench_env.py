"""Benchmarks: steps and frames per second, side by side with stock robosuite in one run.

    worldsim bench env --json

Arms alternate in short slices, so that a busy neighbour slows both alike; medians and the ratio of
medians are reported. Each arm has a process of its own, idle while the others run: robosuite frees
its OpenGL objects in whatever context is current, and in one process took ours with them, whose
pictures then cost nothing and stood still.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchEnvConfig:
    """Options of ``worldsim bench env``.

    Attributes:
        rounds: slices per arm.
        json: file for the results; alone, they are printed as JSON.
    """

    rounds: int = 7
    json: str | None = None


@dataclass(frozen=True)
class BenchRenderConfig:
    """Options of ``worldsim bench render``.

    Attributes:
        frames: pictures per size.
        json: file for the results; alone, they are printed as JSON.
    """

    frames: int = 300
    json: str | None = None
