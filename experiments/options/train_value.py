"""Train a goal-conditioned value and a short-range policy on a world model's frozen latents.

    worldsim train value --data data/play --model play --out runs/value

Nothing is demonstrated: any frame is a goal for any other (``worldsim.training.value``). The value
tells the control steps between two pictures, the policy what to do for a start, and jumps where one
could be somewhat later. The same command resumes; ``agents.goal_value.load_value`` reads the
result.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ValueOptions:
    """Options of ``worldsim train value``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        policies: only episodes that these (by prefix) collected; all, where none is named.
        model: world model whose encoder is used as it is: a shipped name or a folder.
        out: folder for checkpoints and the finished value.
        steps: optimiser steps.
        batch: pairs of frame and goal per step.
        learning_rate: peak.
        gamma: discount of a control step.
        expectile: how much more a frame's better futures count, from 0.5 (all alike) to 1.
        temperature: recorded chunks weigh exp(temperature * what they gained, in steps).
        jump: control steps to the sub-goals that are imagined.
        device: cpu, cuda, ...
        threads: torch threads.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        seed: of initial weights and batches.
    """

    data: str = "data/play"
    share: float = 1.0
    policies: tuple[str, ...] = ()
    model: str = "tiny"
    out: str = "runs/value"
    steps: int = 12_000
    batch: int = 384
    learning_rate: float = 3e-4
    gamma: float = 0.97
    expectile: float = 0.8
    temperature: float = 1.5
    jump: int = 12
    device: str = "cpu"
    threads: int = 1
    tracker: str = "none"
    seed: int = 0
