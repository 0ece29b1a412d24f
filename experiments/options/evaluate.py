"""Evaluate one agent on one task over a list of seeds.

    worldsim evaluate --agent world-model --task reach --seeds 201000:201200 --out runs/reach

Episodes run one at a time in each process and never share a generator: an outcome depends on the
seed and the spec alone, not on the number of workers. Ctrl-C keeps what is finished; the same
command goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``worldsim evaluate``.

    Attributes:
        agent: world-model, sac-her, expert, random, ...
        task: reach, grasp, pick-place, push, robosuite/Lift, -PickPlaceCan, -Stack or -Door, or
            package.module:NAME of an environment of your own.
        seeds: first:end (end excluded) or a comma list; 201000:201200 are for reported results.
        out: folder for the results; the same command on the same folder continues.
        goal: subgoals (the paper's pictures), dense (every stage) or final (one picture).
        cameras: comma list of left, right, wrist; robosuite's agentview.
        planner: of the world-model agent: cem (ours), icem, mppi, predictive-sampling, gradient,
            gradient+cem, lagrangian, vjepa2-ac (the paper's), search (ours without proposals),
            policy (proposals without search), moves (chains of imagined moves; needs a model that
            knows them), tree (chains of recorded chunks; needs a value), or package.module:Class.
        budget_ms: time for an action, milliseconds: the planner searches as much as fits into it
            on this machine, which is found out once and kept (docs/planners.md).
        energy: further energies to plan with, package.module:Class, separated by commas.
        value: folder that ``train value`` wrote, for the world-model agent to plan with.
        hops: sub-goals that the value imagines, of which the nearest to the goal is worked towards.
        calibrate: put the cameras' pictures where the robot's own hand reads right in them (for
            world-model, servo, gc-bc): for cameras that hang elsewhere than in training.
        homing: first bring the hand to where training episodes began (for the same agents): for
            starts far from them.
        model: folder of the agent's weights; for world-model and servo also a shipped name or
            V-JEPA 2-AC's released file.
        advance: arrival or schedule, how a pixel agent moves on to the next picture.
        execution: receding, half or ensemble, how far octo-like follows a chunk of actions.
        device: what a learnt agent computes on: cpu (if left out), cuda, cuda:1, mps, ...
        variation: recipe of appearances.
        threads: of the numerical libraries; part of the result's specification.
        workers: processes; outcomes do not depend on it.
        force: allow training and reserved seeds.
    """

    agent: str
    task: str
    seeds: str
    out: str
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    planner: str | None = None
    budget_ms: float | None = None
    energy: str | None = None
    value: str | None = None
    hops: int | None = None
    calibrate: bool = False
    homing: bool = False
    model: str | None = None
    advance: str | None = None
    execution: str | None = None
    device: str | None = None
    variation: str = "default"
    threads: int = 1
    workers: int = 1
    force: bool = False
