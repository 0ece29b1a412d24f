"""Teleoperation: move the arm by hand, record episodes, photograph goals, let an agent take over.

    worldsim teleop --task grasp
    worldsim teleop --task grasp --agent gc-bc
    worldsim teleop --task rearrange-2 --agent world-model --model play
    worldsim teleop --task grasp --window

It prints the address of a page, on this machine alone, for a browser with a keyboard or a gamepad;
the page lists the keys. --window opens MuJoCo's viewer beside it, where the mouse turns the scene;
keys stay the page's. Time stands still while nothing is pressed. Every episode is on the disk as
soon as it is ended, and Ctrl-C writes the one being recorded, too; the same command goes on with
the next start. The data set is one as ``worldsim collect`` writes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TeleopConfig:
    """Options of ``worldsim teleop``.

    Attributes:
        task: reach, grasp, pick-place, push, rearrange-1, ...
        out: folder of the data set; photographed goals lie in its goals/.
        agent: who takes over on a key: gc-bc, world-model, ... (default: nobody).
        model: its weights: a folder or, for world-model, a shipped name.
        cameras: views to see, to record and to hand to the agent.
        image_size: pixels per side of what is recorded and handed to the agent.
        variation: recipe of appearances.
        first_seed: of the first start; only 0 to 99,999 are for training.
        port: of the page; 0 means any that is free.
        window: open MuJoCo's viewer beside the page; needs a display.
    """

    task: str
    out: str = "data/by-hand"
    agent: str | None = None
    model: str | None = None
    cameras: tuple[str, ...] = ("left", "wrist")
    image_size: int = 128
    variation: str = "default"
    first_seed: int = 0
    port: int = 8765
    window: bool = False
