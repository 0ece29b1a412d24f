"""Train the baseline "Octo-like, from scratch, no OXE pretraining".

    worldsim train octo-like --data data/default --out runs/octo-like

Behaviour cloning of action chunks by diffusion, towards goal pictures from up to 20 steps later in
the same episode (arXiv 2506.09985 tuned Octo so). Same episodes and same hindsight goals as the
world model's goal head: half of them near, and at the goal the lesson is to hold still. The same
command resumes; ``worldsim evaluate --agent octo-like --model FOLDER`` takes the result.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OctoTraining:
    """Options of ``worldsim train octo-like``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        out: folder for checkpoints and the finished policy.
        steps: optimiser steps.
        batch: windows per step.
        learning_rate: peak.
        augment: random crops and colours.
        released: share of the goals that are frames just after something was let go, in [0, 1].
        demonstrators: policies (by prefix) whose actions are imitated.
        noises: diffusion samples per window; the head costs little beside the transformer.
        pose: weight of the readout that says where the goal picture shows the gripper.
        image_size: pixels per side; stored frames are averaged down.
        width, depth, heads: of the transformer.
        device: cpu, cuda, ...
        threads: torch threads.
        precision: "bfloat16" or "float32" matrix products.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    share: float = 1.0
    out: str = "runs/octo-like"
    steps: int = 15_000
    batch: int = 64
    learning_rate: float = 5e-4
    augment: bool = True
    released: float = 0.0
    demonstrators: tuple[str, ...] = ("expert",)
    noises: int = 4
    pose: float = 1.0
    image_size: int = 64
    width: int = 128
    depth: int = 4
    heads: int = 4
    device: str = "cpu"
    threads: int = 1
    precision: str = "bfloat16"
    tracker: str = "none"
    seed: int = 0
