"""iCEM (Pinneri et al. 2020, arXiv 2008.06389): coloured noise, kept elites, ever fewer samples.

Noise whose power falls with frequency makes candidates that go somewhere. Some elites of one
iteration are candidates of the next, of which there are fewer. The mean is tried first and last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.errors import UserError
from worldsim.planning.gaussian import Gaussian, check_elites
from worldsim.planning.planner import (
    NARROW,
    Cost,
    Plan,
    at_least_one,
    box,
    cheaper,
    ranked,
    scored,
)


@dataclass(frozen=True)
class ICEM:
    """Plans by sampling.

    Attributes:
        samples: candidates of the first iteration.
        iterations: refits of the Gaussian.
        elites: cheapest candidates kept for the refit.
        horizon: actions per candidate.
        spread: (A,) standard deviations of the first iteration.
        minimum_std: spread never falls below this.
        momentum: share of the old mean and of the old spread that survives a refit.
        colour: exponent of the noise's spectrum: 0 is white, 2 a random walk.
        decay: every iteration has so many times fewer samples, but at least twice the elites.
        kept: share of the elites that the next iteration tries again.
    """

    samples: int = 38
    iterations: int = 2
    elites: int = 6
    horizon: int = 4
    spread: tuple[float, ...] = NARROW
    minimum_std: float = 0.05
    momentum: float = 0.1
    colour: float = 2.0
    decay: float = 1.25
    kept: float = 0.3

    def __post_init__(self) -> None:
        at_least_one(iterations=self.iterations, horizon=self.horizon)
        check_elites(self.elites, self.samples)
        if self.decay < 1.0 or not 0.0 <= self.kept <= 1.0:
            raise UserError(
                f"decay must be at least 1 and kept from 0 to 1, got {self.decay}, {self.kept}"
            )

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        drawn_from = Gaussian.around(mean, self.spread, self.minimum_std)
        again = mean[:0] if proposals is None else proposals
        best, lowest, history = mean, mean.new_tensor(torch.inf), []
        for iteration in range(self.iterations):
            count = max(2 * self.elites, int(self.samples / self.decay**iteration))
            noise = coloured(rng, (count, *mean.shape), self.colour, mean)
            tried = [again.view(-1, *mean.shape), drawn_from.mean + drawn_from.std * noise]
            if iteration in (0, self.iterations - 1):
                tried.insert(0, drawn_from.mean[None])
            candidates = box(torch.cat(tried))
            costs = scored(cost, candidates)
            elite = candidates[ranked(costs)[: self.elites]]
            best, lowest = cheaper(candidates, costs, best, lowest)
            history.append(lowest)
            again = elite[: round(self.kept * self.elites)]
            drawn_from = drawn_from.refitted(elite, self.momentum)
        return Plan(best, lowest, drawn_from.mean, torch.stack(history))


def coloured(
    rng: np.random.Generator, shape: tuple[int, int, int], exponent: float, like: Tensor
) -> Tensor:
    """Gaussian noise (S, H, A) of variance 1 with a power-law spectrum over H.

    After Timmer & Koenig (1995): random amplitudes of each frequency, then a Fourier transform. The
    lowest frequency has the power of one turn over the horizon.
    """
    samples, horizon, size = shape
    frequencies = np.maximum(np.fft.rfftfreq(horizon), 1.0 / horizon)
    scale = frequencies ** (-exponent / 2.0)  # (F,)
    alone = np.zeros(len(scale), dtype=bool)  # frequencies that are real
    alone[0], alone[-1] = True, horizon % 2 == 0 or len(scale) == 1
    real, imaginary = rng.standard_normal((2, samples, size, len(scale)))
    waves = scale * (
        np.where(alone, np.sqrt(2.0), 1.0) * real + np.where(alone, 0.0, 1j) * imaginary
    )
    noise = np.fft.irfft(waves, n=horizon, axis=-1) * horizon
    deviation = np.sqrt(np.sum(np.where(alone, 2.0, 4.0) * scale**2))
    return torch.from_numpy((noise / deviation).swapaxes(1, 2).astype(np.float32)).to(like.device)
