"""The ``goal-look`` factor: goal pictures taken in other circumstances than the task is met in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.variations.distractors import Distractors
from envs.variations.factor import Parameters, Ranged
from envs.variations.light import Light
from envs.variations.ranges import Names, Ranges


class GoalLook(Ranged):
    """What is changed while goal pictures are drawn: ``{"light": …}`` or ``{"distractors": …}``.

    Each as the factor of that name draws it, at the same level. The environment applies it on top
    of everything else, and takes it back.
    """

    name = "goal-look"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        level: {"change": Names(change), **Light.RANGES[level]}
        for level, change in {
            "training": ("none", "light"),
            "validation": ("light",),
            "held-out:1": ("light",),
            "held-out:2": ("light", "distractors"),
            "held-out:3": ("light", "distractors"),
        }.items()
    }

    @classmethod
    def describe(cls, level: str) -> dict[str, str]:
        """What changes; how, the two factors say."""
        return {"change": str(cls.RANGES[level]["change"])}

    def __init__(self, level: str) -> None:
        super().__init__(level)
        self._light, self._distractors = Light(level), Distractors(level)

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add what the two need."""
        self._light.prepare(spec)
        self._distractors.prepare(spec)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One change, or none."""
        change = self.RANGES[self.level]["change"].draw(rng)
        if change == "light":
            return {"light": self._light.sample(rng)}
        return {"distractors": self._distractors.sample(rng)} if change == "distractors" else {}

    def settle(self, parameters: Parameters, taken: NDArray[np.float64]) -> dict[str, Any]:
        """Distractors away from what the task uses."""
        if "distractors" not in parameters:
            return dict(parameters)
        return {"distractors": self._distractors.settle(parameters["distractors"], taken)}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Change the scene for the goal's sake."""
        if "light" in parameters:
            self._light.apply(model, parameters["light"])
        if "distractors" in parameters:
            self._distractors.apply(model, parameters["distractors"])
