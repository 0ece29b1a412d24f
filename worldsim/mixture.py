"""Mixtures of Gaussians, one at each token: many answers, each where it is seen.

A flow has to write all the things of a picture into one vector before it draws one of them; here
each token tells what stands there (mixture density networks, Bishop 1994; dense affordances as in
Transporter Networks, arXiv 2010.14406).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.noise import normal

_SHARPEST, _BLUREST = -4.0, 1.0  # log deviations


@dataclass(frozen=True)
class Mixture:
    """B mixtures of P Gaussians over M numbers.

    Attributes:
        scores: (B, P) log weights, up to a constant.
        means: (B, P, M).
        log_stds: (B, P, M).
    """

    scores: Tensor
    means: Tensor
    log_stds: Tensor

    def told(self, more: Tensor) -> Mixture:
        """The same, as each token tells more of it (B, P, 1 + 2 M)."""
        size = self.means.shape[2]
        log_stds = (self.log_stds + more[..., 1 + size :]).clamp(_SHARPEST, _BLUREST)
        return Mixture(self.scores + more[..., 0], self.means + more[..., 1 : 1 + size], log_stds)

    def joined(self, others: Mixture) -> Mixture:
        """With the Gaussians of others beside its own."""
        mine = (self.scores, self.means, self.log_stds)
        theirs = (others.scores, others.means, others.log_stds)
        return Mixture(*(torch.cat(pair, dim=1) for pair in zip(mine, theirs, strict=True)))

    def repeat(self, times: int) -> Mixture:
        """Each of them so many times in a row."""
        parts = (self.scores, self.means, self.log_stds)
        return Mixture(*(part.repeat_interleave(times, dim=0) for part in parts))

    def shares(self, found: Tensor) -> Tensor:
        """How much each Gaussian (B, P) has to do with numbers (B, M); they add up to one."""
        return (self.scores.log_softmax(dim=1) + self._each(found[:, None])[:, 0]).softmax(dim=1)

    @classmethod
    def of(cls, told: Tensor, middles: Tensor) -> Mixture:
        """From what each token tells (B, P, 1 + 2 M); ``middles`` (P, M) are where means start."""
        plain = cls(middles.new_zeros(1, 1), middles[None], torch.zeros_like(middles)[None])
        return plain.told(told)

    def surprise(self, found: Tensor) -> Tensor:
        """Negative log likelihoods (B, K) of numbers (B, K, M), up to a constant."""
        each = self._each(found)
        return -torch.logsumexp(self.scores.log_softmax(dim=1)[:, None] + each, dim=2)

    def crowd(self, places: Tensor, reach: Tensor) -> Tensor:
        """How much stands around places (B, K, 2), told by the first two numbers.

        From 0 to 1 (B, K): all of it, right there. What is as far away as ``reach`` (2,) counts
        little more than half, what is twice as far a seventh.
        """
        spread = self.log_stds[:, None, :, :2].exp().square() + reach.square()
        gaps = (places[:, :, None] - self.means[:, None, :, :2]).square() / spread
        each = (reach / spread.sqrt()).prod(dim=3) * (-0.5 * gaps.sum(dim=3)).exp()
        crowd: Tensor = (self.scores.softmax(dim=1)[:, None] * each).sum(dim=2)
        return crowd

    def _each(self, found: Tensor) -> Tensor:
        """Log likelihoods (B, K, P) of numbers (B, K, M) by each Gaussian."""
        gaps = (found[:, :, None] - self.means[:, None]) / self.log_stds[:, None].exp()
        return -0.5 * gaps.square().sum(dim=3) - self.log_stds[:, None].sum(dim=3)

    def sample(self, rng: np.random.Generator, draws: int) -> Tensor:
        """(B, K, M) drawn from each."""
        count = len(self.scores)
        reach = self.scores.softmax(dim=1).cumsum(dim=1)
        at = torch.from_numpy(rng.random((count, draws), dtype=np.float32)).to(reach.device)
        chosen = torch.searchsorted(reach, at).clamp(max=reach.shape[1] - 1)
        rows = chosen[:, :, None].expand(-1, -1, self.means.shape[2])
        means, log_stds = self.means.gather(1, rows), self.log_stds.gather(1, rows)
        return means + log_stds.exp() * normal(rng, tuple(means.shape), means)
