"""See what a world model learnt: its energies, its latents and what it imagines.

    worldsim landscape --model tiny --out runs/landscape

It looks at episodes that no model was trained on: development seeds, moved by the explorers that
make training data (noisy experts, contact, play and branches). It writes ``summary.json`` and

    landscape.png  energy around real actions: latent distance between where one predicted step
                   leads and the real next frame
    rollout.png    open-loop error against horizon, next to taking it that nothing moves
    imagined.png   real frames, and the real frames nearest to what is imagined from the first

The summary says how far the energy's minimum is from the true action, half the transitions with
the gripper within 5 cm of the object (near contact), the others in free space; what a linear probe
reads of the gripper's and the object's position, and the model itself of the gripper's; and in
how many states, towards the picture of the lifted object, closing and lifting costs less than
opening and lifting. Where objects are, imported data do not say: all is then free space.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worldsim.planning.options import CostConfig


@dataclass(frozen=True)
class LandscapeConfig:
    """Options of ``worldsim landscape``.

    Attributes:
        model: a world model's name or folder.
        data: a data set to take the episodes from, instead of collecting held-out ones.
        out: folder for the pictures and the summary.
        transitions: whose energies are searched.
        cost: the energy; by default the latent distance alone.
        threads: torch threads.
        json: another file for the summary.
    """

    model: str = "tiny"
    data: str | None = None
    out: str = "runs/landscape"
    transitions: int = 50
    cost: CostConfig = field(default_factory=CostConfig)
    threads: int = 1
    json: str | None = None
