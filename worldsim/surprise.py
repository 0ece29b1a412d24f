"""How far imagination is off in the present episode, and how much less it is to be trusted then.

After every action the latents that were predicted for it are compared with those that are seen. In
a scene like those of training the error is the one of training; in another one it is larger, and
energies of what is imagined there mean little. What was proposed is then executed as it is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from worldsim.context import Context
from worldsim.errors import UserError
from worldsim.imagination import distance
from worldsim.world_model import WorldModel

# The exponent from which on nothing but the proposal counts.
_CERTAIN = 30.0


class Surprise:
    """Running mean over an episode of one-step errors, in units of the error of training.

    Args:
        model: whose imagination is judged.
        gain: how fast trust grows with the mean: by a factor of e for every 1 / ``gain`` above 1.

    Raises:
        ValueError: the model does not say what its error was, or the gain is negative.
    """

    def __init__(self, model: WorldModel, gain: float) -> None:
        if gain < 0.0:
            raise UserError(f"surprise must be at least 0, got {gain}")
        if model.config.one_step_error is None:
            raise UserError(
                "surprise is measured against the error of training, which this world model's "
                "config.json does not say (one_step_error): plan with surprise 0"
            )
        self.model, self.gain, self.usual = model, gain, model.config.one_step_error
        self.reset()

    def reset(self) -> None:
        """Start an episode."""
        self._expected: Tensor | None = None
        self._ratios: list[float] = []

    @torch.inference_mode()
    def expect(self, context: Context, action: Tensor) -> None:
        """Predict what an action (7,) in [-1, 1] that is about to be executed leads to."""
        self._expected = self.model.rollout(context, action[None, None])[0][0, 0]

    @torch.inference_mode()
    def see(self, latents: Tensor) -> None:
        """Compare with latents (N, D) of what came; nothing at an episode's start."""
        if self._expected is not None:
            self._ratios.append(float(distance(self._expected, latents)) / self.usual)

    @property
    def mean(self) -> float:
        """Error of this episode in units of that of training; 1 before anything was seen."""
        return sum(self._ratios) / len(self._ratios) if self._ratios else 1.0

    @property
    def caution(self) -> float:
        """Factor of the weight of trust in what is proposed: 1 where nothing surprises."""
        return math.exp(min(self.gain * max(0.0, self.mean - 1.0), _CERTAIN))
