"""Which part of the world-model agent holds success back, by oracles.

    worldsim diagnose --task grasp --seeds 100000:100020 --out runs/diagnose/grasp
    worldsim diagnose --task grasp --variation held-out:room --model diverse --out runs/room

The same seeds are run as shipped and with one part at a time replaced by an oracle:

- true-dynamics: candidate actions are simulated and the frames encoded, in place of the predictor;
- oracle-switching: the next picture's turn comes when gripper and object truly are where the
  present one shows them, in place of the read-out's opinion;
- privileged-pose: the gripper pose of the goal picture is the recorded one, not the one read;
- proposals: the goal head's proposals alone, without the search;

and, with a variation of the scene:

- plain-look: the agent is shown the varied state and its goal as the plain scene would show them;
- plain-scene: nothing varies, on the same seeds.

A variation also gets a table of what each part makes of it (``experiments.analysis.parts``).

The oracles look at the simulator: they are for finding the weak part, never results.
"""

from __future__ import annotations

from dataclasses import dataclass

ARMS = ("shipped", "true-dynamics", "oracle-switching", "privileged-pose", "proposals")
OF_A_VARIATION = ("plain-look", "plain-scene")


@dataclass(frozen=True)
class DiagnoseConfig:
    """Options of ``worldsim diagnose``.

    Attributes:
        task: reach, grasp, pick-place or push.
        seeds: development seeds; first:end (end excluded) or a comma list.
        out: folder for ``diagnosis.json`` and a video of each way to fail.
        goal: subgoals, dense or final.
        cameras: comma list of left, right, wrist.
        model: world model, a shipped name or a folder.
        arms: comma list of shipped, true-dynamics, oracle-switching, privileged-pose, proposals,
            and of plain-look and plain-scene with a variation; default: all.
        variation: of the scenes.
        threads: of the numerical libraries.
        force: allow training, reported and reserved seeds.
    """

    task: str = "grasp"
    seeds: str = "100000:100020"
    out: str = "runs/diagnose"
    goal: str = "subgoals"
    cameras: str = "left,wrist"
    model: str = "tiny"
    arms: str | None = None
    variation: str = "default"
    threads: int = 1
    force: bool = False
