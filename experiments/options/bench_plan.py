"""Seconds per action of planning, beside a plain loop over the same module.

    worldsim bench plan --json
    worldsim bench plan --solvers --samples 32 --elites 6 --horizon 4
    worldsim bench plan --model vitl --samples 16 --iterations 1
    worldsim bench plan --model weights/vjepa2-ac-vitg.pt --device cuda --samples 800

The plain loop runs the predictor over the whole past for every candidate and every step, in
float32. Ours reads the shared past once, keeps keys and values between steps, and computes in
bfloat16. Both score the same candidates, in alternating rounds; medians are reported. ``vitl`` is a
made-up official file with a ViT-L encoder and the full action-conditioned predictor: it is written,
read as a user's would be, encodes a frame and plans one action.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchPlanConfig:
    """Options of ``worldsim bench plan``.

    Attributes:
        model: tiny, a path, or vitl, vith or vitg with made-up weights.
        samples, iterations, elites, horizon: of the search.
        rounds: plans measured of each kind, after one that is not counted.
        reference: measure the plain loop, too.
        solvers: measure our CEM, iCEM and MPPI beside stable-worldmodel's instead, on costs of real
            grasps: milliseconds and the cost of what would be executed.
        device: cpu, cuda, ...
        threads: torch threads.
        json: file for the results; alone, they are printed as JSON.
    """

    model: str = "tiny"
    samples: int = 64
    iterations: int = 2
    elites: int = 8
    horizon: int = 2
    rounds: int = 5
    reference: bool = True
    solvers: bool = False
    device: str = "cpu"
    threads: int = 1
    json: str | None = None
