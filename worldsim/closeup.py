"""What the hand sees of a goal: things it has just put down, which the arm may hide from elsewhere.

Where they stand is told in the hand's own frame, in which it does not matter where the hand is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.grids import ConvBlock, as_grids, as_tokens
from worldsim.heads import mlp
from worldsim.mixture import Mixture
from worldsim.states import PLACE

HAND_CAMERA = "wrist"
"""The camera that moves with the hand."""
_UNSEEN = -30.0  # log weight of what no camera saw
_BLUR = -1.0  # log deviation to start from: it is seen from near


class Closeup(NamedTuple):
    """What the hand sees in B pictures, of P details each.

    Attributes:
        seen: (B, P, D) details.
        own: (B, own) pose of the hand.
        origin: (B, 3) where it is, normalised as places are.
        axes: (B, 3, 3) columns: 10 cm along each of its axes, the same.
        known: (B,) whether there is such a view.
    """

    seen: Tensor
    own: Tensor
    origin: Tensor
    axes: Tensor
    known: Tensor

    def expand(self, count: int) -> Closeup:
        """The same one so many times."""
        return Closeup(*(part.expand(count, *part.shape[1:]) for part in self))


class ReadCloseup(NamedTuple):
    """What was read off it, at a quarter of the details, Q tokens.

    Attributes:
        seen: (B, Q, C) what each token sees.
        context: (B, Q, C) where it looks.
        stand: where things stand.
        features: (B, heads F, rows, columns) by which they are known.
    """

    seen: Tensor
    context: Tensor
    stand: Mixture
    features: Tensor


class CloseupReader(nn.Module):
    """Reads close-ups.

    Args:
        dim: width D of a detail.
        grid: (rows, columns) of the view's P details.
        own: numbers that tell the pose.
        width: channels C.
        features: numbers by which a thing is known.
    """

    def __init__(
        self, dim: int, grid: tuple[int, int], own: int, width: int, features: int
    ) -> None:
        super().__init__()
        self.grid, places = grid, math.prod(grid) // 4
        self.enter = nn.Conv2d(dim, width, 4, stride=2, padding=1)
        self.see = nn.Sequential(*(ConvBlock(width) for _ in range(3)))
        self.position = nn.Parameter(0.02 * torch.randn(places, width))
        self.hand = mlp(own, (64,), width)
        self.middles = nn.Parameter(0.5 * torch.randn(places, PLACE))  # that tokens look at
        self.stand = mlp(width, (width,), 1 + 2 * PLACE)
        self.features = nn.Sequential(nn.GELU(), nn.Conv2d(width, features, 3, padding=1))

    def forward(self, closeup: Closeup) -> ReadCloseup:
        """Read them."""
        hand = self.hand(closeup.own)
        grids = self.see(self.enter(as_grids(closeup.seen, self.grid)) + hand[:, :, None, None])
        seen = as_tokens(grids)
        known = torch.where(closeup.known, 0.0, _UNSEEN)[:, None]
        blur = torch.full_like(self.middles, _BLUR)
        stand = Mixture(known, self.middles[None], blur[None]).told(
            self.stand(F.gelu(seen + self.position))
        )
        places = closeup.origin[:, None] + stand.means @ closeup.axes.transpose(1, 2)
        context = self.position + hand[:, None]
        return ReadCloseup(seen, context, replace(stand, means=places), self.features(grids))
