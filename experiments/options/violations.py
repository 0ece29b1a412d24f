"""Who kept to a rule: judged by the ways that the hands really went.

    worldsim violations runs/told runs/untold --energy sweeps.rules:POST

A rule is an energy with ``constraint = True`` (docs/add-an-energy.md), whether an agent was told it
or not, that has to do with the hand's way: latents were not recorded. Only folders of runs will do,
with their ``states``: packed runs do not tell ways.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class ViolationsConfig:
    """Options of ``worldsim violations``.

    Attributes:
        folders: of sweeps, comparisons or evaluations.
        energy: the rule, package.module:Name.
    """

    folders: Positional[tuple[str, ...]]
    energy: str
