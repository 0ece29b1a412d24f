"""Train goal-conditioned behaviour cloning on the planner's frozen latents.

    worldsim train gc-bc --data data/default --model tiny --out runs/gc-bc

Same episodes, same encoder, same hindsight goals and, with ``--head mlp``, same network as the
world model's own goal head, which also learns how far a goal is, and to do with one camera. With
``--head flow`` a guided flow (``worldsim.flow``) takes the perceptron's place. The same command
resumes; ``worldsim evaluate --agent gc-bc --model FOLDER`` takes the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class GcBcTraining:
    """Options of ``worldsim train gc-bc``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        model: world model whose encoder is used as it is: a shipped name or a folder.
        out: folder for checkpoints and the finished policy.
        copies: altered copies of every episode (``worldsim.training.altered``) that are learnt from
            beside it.
        steps: optimiser steps.
        batch: pairs of frame and goal per step.
        learning_rate: peak.
        head: "mlp", a perceptron, or "flow", a flow with guidance.
        goal_free: share of a flow's pairs whose goal is hidden.
        guidance: a flow acts with it: 1 clones, more seeks the goal.
        pairs: whether a flow reads pictures pair by pair, too, see ``worldsim.pairs``.
        draws: chunks that a flow draws when it acts, of which it takes the most typical.
        released: share of the goals that are frames just after something was let go, in [0, 1].
        demonstrators: policies (by prefix) whose actions are imitated.
        device: cpu, cuda, ...
        threads: torch threads.
        precision: "bfloat16" or "float32" matrix products.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    share: float = 1.0
    model: str = "tiny"
    out: str = "runs/gc-bc"
    copies: int = 0
    steps: int = 3_000
    batch: int = 256
    learning_rate: float = 1e-3
    head: Literal["mlp", "flow"] = "mlp"
    goal_free: float = 0.1
    guidance: float = 1.5
    pairs: bool = False
    draws: int = 1
    released: float = 0.0
    demonstrators: tuple[str, ...] = ("expert",)
    device: str = "cpu"
    threads: int = 1
    precision: str = "bfloat16"
    tracker: str = "none"
    seed: int = 0
