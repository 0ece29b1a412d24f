"""Which moves lead from one picture to another: what to take, and where that thing is to stand.

Every detail of a picture (``worldsim.details``) says whether a thing stands there, and where
exactly. What to take is one of the things of the picture now, told apart by where it stands in the
other picture; where to put it is where one of the things of the other picture stands, told apart by
whether it is that very thing. That is told by features of the details alone that see it, learnt by
finding each thing again among all of a batch (InfoNCE, arXiv 1807.03748). A vector that sums up
both pictures would mix things up. Of the other picture there may be a close-up, too
(``worldsim.closeup``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.closeup import Closeup, CloseupReader
from worldsim.glance import waves, waves_of
from worldsim.grids import ConvBlock, as_grids, as_tokens
from worldsim.heads import mlp
from worldsim.mixture import Mixture
from worldsim.states import PLACE

_FEATURES = 16
_SURE = 0.1  # makes an input of order one of nats


class Read(NamedTuple):
    """What was seen in B pairs of pictures, of P details each; a close-up adds Q tokens.

    Attributes:
        both: (B, P, C) what tells the pictures apart.
        there: (B, P + Q, C) the picture of the goal.
        context: (B, P + Q, C) what is beside it: ``both``, and where the close-up looks.
        own: (B, own) the robot's pose.
        now, goal: where things stand in each; P and P + Q Gaussians.
        features_now, features_goal: (B, P or P + Q, heads, F) by which a thing is known, of length
            one.
    """

    both: Tensor
    there: Tensor
    context: Tensor
    own: Tensor
    now: Mixture
    goal: Mixture
    features_now: Tensor
    features_goal: Tensor

    def repeat(self, times: int) -> Read:
        """Each pair so many times in a row."""
        parts: list[Any] = [
            part.repeat(times) if isinstance(part, Mixture) else part.repeat_interleave(times, 0)
            for part in self
        ]
        return Read(*parts)


class Proposals(nn.Module):
    """Mixtures over places to take something from, and over places to put it.

    Args:
        dim: width D of a detail.
        grid: (rows, columns) of the view's P details.
        own: numbers that tell the robot's pose.
        width: channels C.
        heads: in which a thing is looked up and looked for.
    """

    def __init__(
        self, dim: int, grid: tuple[int, int], own: int, width: int = 64, heads: int = 8
    ) -> None:
        super().__init__()
        self.grid, self.heads = grid, heads
        places, told = math.prod(grid), own + PLACE + waves_of(PLACE)
        self.see = nn.Sequential(
            nn.Conv2d(dim, width, 3, padding=1), *(ConvBlock(width) for _ in range(3))
        )
        self.compare = nn.Sequential(
            nn.Conv2d(3 * width, width, 1), *(ConvBlock(width) for _ in range(2))
        )
        self.position = nn.Parameter(0.02 * torch.randn(places, width))
        self.closeup = CloseupReader(dim, grid, own, width, heads * _FEATURES)
        self.own = mlp(own, (64,), width)
        self.middles = nn.Parameter(0.5 * torch.randn(places, PLACE))  # that tokens look at
        self.stand = mlp(width, (width,), 1 + 2 * PLACE)
        self.pick = mlp(width + heads + 2 * PLACE + 1, (width,), 1 + 2 * PLACE)
        self.features = nn.Sequential(nn.GELU(), nn.Conv2d(width, heads * _FEATURES, 3, padding=1))
        self.sharpness = nn.Parameter(torch.ones(heads))
        self.sought = mlp(heads * _FEATURES + told, (128,), width)
        self.put = mlp(2 * width + heads, (width,), 1 + 2 * PLACE)

    def forward(
        self, now: Tensor, goal: Tensor, own: Tensor, closeup: Closeup | None = None
    ) -> Read:
        """Look at details (B, P, D) of pictures, the robot's pose being told by (B, own)."""
        here, there = (self.see(as_grids(picture, self.grid)) for picture in (now, goal))
        both = as_tokens(self.compare(torch.cat([here, there, here - there], dim=1)))
        both = both + self.position + self.own(own)[:, None]
        now_stand, goal_stand = (
            Mixture.of(self._stand(as_tokens(seen)), self.middles) for seen in (here, there)
        )
        now_known, goal_known = (self._known_by(self.features(seen)) for seen in (here, there))
        read = Read(both, as_tokens(there), both, own, now_stand, goal_stand, now_known, goal_known)
        if closeup is None:
            return read
        near = self.closeup(closeup)
        return read._replace(
            there=torch.cat([read.there, near.seen], dim=1),
            context=torch.cat([both, near.context], dim=1),
            goal=read.goal.joined(near.stand),
            features_goal=torch.cat([read.features_goal, self._known_by(near.features)], dim=1),
        )

    def picks(self, read: Read) -> Mixture:
        """Where to take something."""
        same_place = read.features_goal[:, : read.both.shape[1]]
        stays = (read.features_now * same_place).sum(dim=3)  # (B, P, heads)
        moved = self._found_again(read)
        return read.now.told(self.pick(torch.cat([F.gelu(read.both), stays, moved], dim=2)))

    def _found_again(self, read: Read) -> Tensor:
        """(B, P, 7) where what each detail sees stands in the other picture, how far, how surely.

        It is looked for among all that stands there, which the surprise of places alone teaches.
        """
        sought = (read.features_now * self.sharpness.exp()[:, None]).flatten(2)
        alike = sought @ read.features_goal.flatten(2).transpose(1, 2)
        alike = alike.float() + read.goal.scores.log_softmax(dim=1).detach()[:, None]
        there = alike.softmax(dim=2) @ read.goal.means.detach()
        here = read.now.means.detach()
        sure = _SURE * alike.logsumexp(dim=2, keepdim=True)
        return torch.cat([there, here - there, sure], dim=2)

    def puts(self, read: Read, picks: Tensor) -> Mixture:
        """Where to put what stands at places (B, 3), normalised as those of the mixtures are."""
        told = torch.cat([read.own, picks, waves(picks)], dim=1)
        thing = _seen_at(read.now, read.features_now, picks)
        alike = torch.einsum("bhf,bphf->bph", thing, read.features_goal)
        sought = self.sought(torch.cat([thing.flatten(1), told], dim=1))
        known = torch.cat(
            [read.there, read.context + sought[:, None], alike * self.sharpness.exp()], dim=2
        )
        return read.goal.told(self.put(F.gelu(known)))

    def mixed_up(self, read: Read, picks: Tensor, puts: Tensor, known: Tensor) -> Tensor:
        """How hard it is to find each thing again among those of all B pictures, nats.

        Args:
            read: what ``forward`` returned.
            picks: (B, T, 3) where they stand in the pictures now.
            puts: (B, T, 3) where they stand in those of the goal.
            known: (B, T) which of them there are.
        """
        taken, put = (
            torch.stack([_seen_at(stand, features, at) for at in places.unbind(1)], dim=1)[known]
            for stand, features, places in (
                (read.now, read.features_now, picks),
                (read.goal, read.features_goal, puts),
            )
        )
        alike = torch.einsum("bhf,chf,h->bc", taken, put, self.sharpness.exp())
        return F.cross_entropy(alike, torch.arange(len(alike), device=alike.device))

    def _stand(self, seen: Tensor) -> Tensor:
        told: Tensor = self.stand(F.gelu(seen + self.position))
        return told

    def _known_by(self, grids: Tensor) -> Tensor:
        features = as_tokens(grids).unflatten(2, (self.heads, _FEATURES))
        return F.normalize(features, dim=3)


def _seen_at(stand: Mixture, features: Tensor, places: Tensor) -> Tensor:
    """Features (B, heads, F), of length one, of the things at places (B, 3).

    Where a thing is seen is not learnt by what it is known by: that blurs it.
    """
    shares = stand.shares(places).detach()
    return F.normalize(torch.einsum("bp,bphf->bhf", shares, features), dim=2)
