"""Moves: where fingers close, and where they open again. A world model at that time scale.

Three small networks on a frozen encoder, learnt from play alone (``worldsim.training.moves``):

- ``proposals``: which moves lead from one picture to another (``worldsim.proposals``);
- ``outcome``: what is seen after a move, imagined at once and not control step by control step
  (``worldsim.outcome``);
- ``executor``: chunks of actions that make a move (``worldsim.executor``).

Proposals and outcomes read what the encoder's stem sees before it sums it up, its *details*
(``worldsim.details``), in the first camera's view, which shows where things stand, and proposals
those of the hand's view of the goal; the executor reads latents of all views.

A move is where the tool centre is when the fingers close, and when they open: x, y, z of both in
metres in the robot-base frame, as in Transporter Networks (arXiv 2010.14406). The robot's own state
tells both, in recorded play and while acting.

Shapes: B batch, N patch tokens, D latent width, P details of a view, C their width, H actions of a
chunk, K moves drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim import poses
from worldsim.closeup import Closeup
from worldsim.executor import Executor
from worldsim.flow import drawn, flow_error, solved
from worldsim.glance import waves, waves_of
from worldsim.mixture import Mixture
from worldsim.noise import normal
from worldsim.outcome import Outcome
from worldsim.proposals import Proposals, Read
from worldsim.states import PLACE, STATE_SIZE, YAW, encode_state
from worldsim.typical import most_typical_of_each

MOVE_SIZE = 6
ASIDES, ANY = 8, 8
"""One of so many proposals puts something aside; one of so many takes anything that stands."""
WAYS = 64
"""Where things that stand are to go is asked so often."""
CROWD_NATS, ROOM_M = 30.0, 0.08
"""How much it surprises to put something aside where all else stands, and how near that is."""
_BLUR_M = 0.01
_SEEN_WEIGHT = 0.01
HELD = (0.04, 0.96)
"""Fingers told to close that stay between these closednesses have something between them."""
_OWN = STATE_SIZE + 1  # encoded pose, commanded closedness
_SHARPER = 10.0  # a gap of 10 cm becomes an input of one
_HEIGHT = 2  # numbers that tell how high something is carried
_CLOSE_M = 0.1  # so far a hand sees


@dataclass(frozen=True)
class MovesConfig:
    """Sizes.

    Attributes:
        detail: width C of a detail.
        grid: (rows, columns) of a view's P details.
        dim: latent width D.
        tokens: patch tokens of an observation, N.
        chunk: actions of a chunk, H.
    """

    detail: int
    grid: tuple[int, int]
    dim: int
    tokens: int
    chunk: int


class Proposed(NamedTuple):
    """Moves (..., 6) on the way to B pictures, m, robot-base frame.

    Attributes:
        moves: (B, K, 6) drawn.
        surprise: (B, K) of each, nats.
        ways: (B, W, 6) of anything that stands, whether it is to be taken now or not.
    """

    moves: Tensor
    surprise: Tensor
    ways: Tensor


class Moves(nn.Module):
    """Proposes, imagines and makes moves.

    Moves, actions and details are normalised by the mean and deviation of those it was trained on.
    """

    PARTS: ClassVar = ("proposals", "outcome", "executor")

    move_mean: Tensor
    move_std: Tensor
    action_mean: Tensor
    action_std: Tensor
    detail_mean: Tensor
    detail_std: Tensor

    def __init__(self, config: MovesConfig) -> None:
        super().__init__()
        self.config = config
        detail, grid, told = config.detail, config.grid, _OWN + 2 * MOVE_SIZE
        self.proposals = Proposals(detail, grid, _OWN)
        self.outcome = Outcome(detail, grid, told + _OWN + PLACE + waves_of(MOVE_SIZE))
        self.executor = Executor(config.dim, config.tokens, told + _HEIGHT, 7 * config.chunk)
        for name, count in (("move", MOVE_SIZE), ("action", 7), ("detail", detail)):
            self.register_buffer(f"{name}_mean", torch.zeros(count))
            self.register_buffer(f"{name}_std", torch.ones(count))

    def normalised(self, details: Tensor) -> Tensor:
        """Details (..., P, C) as the encoder gives them -> as all the rest here takes them."""
        return (details.float() - self.detail_mean) / self.detail_std

    def closeup(self, seen: Tensor, hands: Tensor, known: Tensor | None = None) -> Closeup:
        """What hands at poses (B, 6 or more) see.

        Args:
            seen: (B, P, C) details of their view, normalised.
            hands: place and angles; what is told of fingers does not matter.
            known: (B,) whether there is such a view; by default there is.
        """
        mean, std = self.move_mean[PLACE:], self.move_std[PLACE:]
        turn = poses.to_matrix(F.pad(hands[:, YAW : YAW + 1], (2, 0)))  # about the vertical
        axes = _CLOSE_M * turn / std[:, None]
        own = _own(F.pad(hands[:, :6], (0, 2)))  # with open fingers
        known = hands.new_ones(len(hands)).bool() if known is None else known
        return Closeup(seen, own, (hands[:, :PLACE] - mean) / std, axes, known)

    # -- which moves ------------------------------------------------------------------------------

    def proposal_loss(
        self,
        now: Tensor,
        goal: Tensor,
        pose: Tensor,
        moves: Tensor,
        known: Tensor,
        rng: np.random.Generator,
        closeup: Closeup | None = None,
    ) -> Tensor:
        """How surprising moves (B, T, 6) of several things are, nats; see ``propose``.

        Only the first of each pair of pictures is to be proposed, for the others may have to wait
        for it; of all that are ``known`` (B, T) it is learnt where they stand, and which is which.
        """
        clean = (moves - self.move_mean) / self.move_std
        read, knows = self.proposals(now, goal, _own(pose), closeup), self.proposals
        surprise = _of(knows.picks(read), clean[:, 0, :PLACE]).mean()
        told = []
        for thing, there in zip(clean.unbind(1), known.unbind(1), strict=True):
            picks, puts = thing.split(PLACE, dim=1)
            # What is told later was drawn, and is not quite right.
            told += [picks + _BLUR_M / self.move_std[:PLACE] * normal(rng, (*picks.shape,), picks)]
            found = (
                _of(read.now, picks) + _of(read.goal, puts) + _of(knows.puts(read, told[-1]), puts)
            )
            surprise = surprise + (found * there).sum() / len(there)
        return surprise + knows.mixed_up(read, torch.stack(told, 1), clean[:, :, PLACE:], known)

    @torch.inference_mode()
    def propose(
        self,
        now: Tensor,
        goal: Tensor,
        pose: Tensor,
        rng: np.random.Generator,
        draws: int,
        closeup: Closeup | None = None,
    ) -> Proposed:
        """Moves on the way to a picture.

        One of ``ASIDES`` puts something out of the way of others. One of ``ANY`` takes anything,
        half of these aside, for what is in the way, or beneath, may not seem to be what is first.

        Args:
            now: (B, P, C) details of the first view.
            goal: (B, P, C) those of a picture.
            pose: (B, 8) achieved pose (7,) and commanded closedness.
            rng: of the episode.
            draws: moves of each, K.
            closeup: what the hand sees in the goal.
        """
        read = self.proposals(now, goal, _own(pose), closeup)
        taken, some = self.proposals.picks(read), draws // ANY
        picks = torch.cat([read.now.sample(rng, some), taken.sample(rng, draws - some)], dim=1)
        puts, further = self._puts(read, picks, rng)
        aside = slice(some // 2, some // 2 + draws // ASIDES)
        puts[:, aside], further[:, aside] = self._aside(read, picks[:, aside], rng)
        surprise = taken.surprise(picks) + further
        standing = read.now.sample(rng, WAYS)
        ways = torch.cat([standing, self._puts(read, standing, rng)[0]], dim=2)
        moves = torch.cat([picks, puts], dim=2)
        mean, std = self.move_mean, self.move_std
        return Proposed(moves * std + mean, surprise, ways * std + mean)

    def _puts(self, read: Read, picks: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Places (B, K, 3) to put what stands at others (B, K, 3), and their surprise (B, K)."""
        draws = picks.shape[1]
        put = self.proposals.puts(read.repeat(draws), picks.flatten(0, 1))
        puts = put.sample(rng, 1)
        surprise = put.surprise(puts).unflatten(0, (-1, draws))[:, :, 0]
        return puts.unflatten(0, (-1, draws))[:, :, 0], surprise

    def _aside(self, read: Read, picks: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Places (B, K, 3) anywhere that play uses, as high as things are taken (B, K, 3).

        They surprise (B, K) by how much stands around them in either picture.
        """
        mean, std = (part.split(PLACE) for part in (self.move_mean, self.move_std))
        height = (picks[..., 2:] * std[0][2] + mean[0][2] - mean[1][2]) / std[1][2]
        puts = torch.cat([normal(rng, (*picks.shape[:2], 2), picks), height], dim=2)
        here = (puts * std[1] + mean[1] - mean[0]) / std[0]
        now = read.now.crowd(here[..., :2], ROOM_M / std[0][:2])
        goal = read.goal.crowd(puts[..., :2], ROOM_M / std[1][:2])
        return puts, CROWD_NATS * torch.maximum(now, goal)

    # -- what they bring about --------------------------------------------------------------------

    def imagine(self, now: Tensor, pose: Tensor, moves: Tensor, hands: Tensor) -> Tensor:
        """Details (B, P, C) of the first view after moves (B, 6).

        Args:
            now: (B, P, C) those of the present, the fingers being empty.
            pose: (B, 8) as for ``propose``.
            moves: metres, robot-base frame.
            hands: (B, 8) where the hand is to be in what is imagined; its fingers are open.
        """
        away = _SHARPER * (hands[:, :PLACE] - pose[:, :PLACE])
        finely = waves((moves - self.move_mean) / self.move_std)
        told = torch.cat([told_of(pose, moves), _own(hands), away, finely], dim=1)
        later: Tensor = now + self.outcome(now, told).float()
        return later

    def outcome_loss(
        self, now: Tensor, pose: Tensor, moves: Tensor, hands: Tensor, later: Tensor
    ) -> Tensor:
        """L1 between imagined and later details (B, P, C), and what the proposals make of it.

        Most of a picture is hand and table. So the proposals, as they are, are asked, too: the
        thing that was taken must be seen where it was put.
        """
        imagined = self.imagine(now, pose, moves, hands)
        picks, puts = ((moves - self.move_mean) / self.move_std).split(PLACE, dim=1)
        read = self.proposals(now, imagined, _own(pose))
        surprise = _of(read.goal, puts) + _of(self.proposals.puts(read, picks), puts)
        return F.l1_loss(imagined, later) + _SEEN_WEIGHT * surprise.mean()

    # -- making them ------------------------------------------------------------------------------

    def executor_loss(
        self,
        latents: Tensor,
        pose: Tensor,
        moves: Tensor,
        heights: Tensor,
        actions: Tensor,
        rng: np.random.Generator,
    ) -> Tensor:
        """Mean square error of the velocity towards chunks (B, H, 7); see ``act``."""
        clean = ((actions - self.action_mean) / self.action_std).flatten(1)
        flow = self.executor.flow(self.executor(latents, _told(pose, moves, heights)))
        return flow_error(flow, clean, *drawn(clean, rng)).mean()

    @torch.inference_mode()
    def act(
        self,
        latents: Tensor,
        pose: Tensor,
        moves: Tensor,
        heights: Tensor,
        rng: np.random.Generator,
        draws: int,
    ) -> Tensor:
        """Chunks (B, H, 7) that make moves (B, 6), in units of the action scale.

        Args:
            latents: (B, N, D).
            pose: (B, 8) as for ``propose``.
            moves: metres, robot-base frame.
            heights: (B,) that the hand reaches with what it carries, the same.
            rng: of the episode.
            draws: chunks of which the most typical is taken.
        """
        told = _told(pose, moves, heights)
        known = self.executor(latents, told).repeat_interleave(draws, dim=0)
        noise = normal(rng, (len(known), 7 * self.config.chunk), known)
        found = solved(self.executor.flow(known), noise)
        chunks = most_typical_of_each(found, draws).unflatten(1, (-1, 7))
        actions: Tensor = chunks * self.action_std + self.action_mean
        return actions


def holds(closedness: float, commanded: float) -> bool:
    """Whether fingers that were told to close have something between them."""
    return commanded > 0.5 and HELD[0] < closedness < HELD[1]


def _of(mixture: Mixture, found: Tensor) -> Tensor:
    """How surprising one place of each (B, 3) is, (B,)."""
    return mixture.surprise(found[:, None])[:, 0]


def _own(pose: Tensor) -> Tensor:
    """Poses and commanded closedness (B, 8) as networks know them (B, 11)."""
    return torch.cat([encode_state(pose[:, :7]), pose[:, 7:]], dim=1)


def told_of(pose: Tensor, moves: Tensor) -> Tensor:
    """The same with moves (B, 6), as places and as gaps from here (B, 23)."""
    gaps = moves - pose[:, :3].repeat(1, 2)
    return torch.cat(
        [_own(pose), _SHARPER * gaps, _SHARPER * (moves - moves.new_tensor(_MIDDLE))], 1
    )


def _told(pose: Tensor, moves: Tensor, heights: Tensor) -> Tensor:
    """The same with heights (B,), as they are and as gaps from here (B, 25)."""
    more = torch.stack([heights - pose[:, 2], heights], dim=1)
    return torch.cat([told_of(pose, moves), _SHARPER * more], dim=1)


_MIDDLE = (0.55, 0.0, 0.0) * 2  # of the table, robot-base frame
