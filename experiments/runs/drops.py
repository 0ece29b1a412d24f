"""What a variation takes from an agent: the same seeds in the usual scene and in another one.

A factor has a stream of its own, so an episode of a variation is the usual one of its seed but for
what the factor changes (``envs.draws``): the two are a pair although their starts are not equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.runs.arms import Arm
from experiments.runs.spec import USUAL_VARIATION
from experiments.runs.statistics import Paired, paired


@dataclass(frozen=True)
class Drop:
    """One agent in another scene.

    Attributes:
        task, conditions, label: of the run there.
        key: of it.
        result: the usual scene first, so that a positive difference is what was lost.
    """

    task: str
    conditions: str
    label: str
    key: str
    result: Paired


def drops(arms: Sequence[Arm]) -> list[Drop]:
    """The drop of every arm of another variation whose agent was in the usual one, too.

    Only seeds that both finished count; where there is none, there is no drop.
    """
    outcomes = {arm.spec.key: {row["seed"]: row["success"] for row in arm.rows} for arm in arms}
    found = []
    for arm in arms:
        plain, varied = outcomes.get(arm.spec.plain.key, {}), outcomes[arm.spec.key]
        seeds = [seed for seed in varied if seed in plain]
        if seeds and arm.spec.variation != USUAL_VARIATION:
            pair = paired([plain[seed] for seed in seeds], [varied[seed] for seed in seeds])
            found.append(Drop(arm.spec.task, arm.conditions, arm.label, arm.spec.key, pair))
    return found
