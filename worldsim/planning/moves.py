"""Search over chains of moves, imagined in what the encoder sees: what composes what play showed.

Play moves one thing at a time. A chain of imagined moves, each from where the last one led, brings
about a picture in which several things stand elsewhere; of many chains the one whose end is the
most like the picture is begun. It is a beam search: the chains that were kept propose moves, all
are imagined, and those are kept that end nearest and surprise the proposals least. (Varying the
best ones, as the cross-entropy method does, finds ends that look nearer and are not.)

Which move can be made first no imagined end tells: that a place is still taken, or that what a
thing is to stand on is not there yet. Where all that stands is to go tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import MOVE_SIZE, Moves, Proposed
from worldsim.planning.planner import at_least_one
from worldsim.states import PLACE

LONGER = 0.03
"""A chain of one more move must end so much nearer, as a share of the present distance."""
NOWHERE_M = 0.04
"""A thing so near to its place is not moved."""
OTHER_M, UPON_M, LOWER_M = 0.05, 0.035, 0.015
"""What is taken so far away is another thing; what is put so near, and lower, is put beneath."""
MISSED_M = 0.03
"""What is taken so near to where fingers closed over nothing is not there."""
AWAY_M = 0.08
"""What is to go so far from where it is in the way clears it."""
FEW, ENOUGH = 0.1, 0.25
"""A move waits where more than such a share of what stands has to go first: this much, wholly."""
_AT_ONCE = 128


@dataclass(frozen=True)
class Chain:
    """Moves one after the other, and where they lead.

    Attributes:
        moves: (d, 6), m, robot-base frame.
        cost: distance of their end to the goal, and what their surprise costs.
    """

    moves: Tensor
    cost: float


@dataclass(frozen=True)
class GoalPicture:
    """What is to be brought about.

    Attributes:
        seen: (P, C) details in the first view.
        hand: (8,) pose of the hand, with open fingers. In all that is imagined it is there, so that
            only the things make a difference.
        closeup: (P, C) details in the hand's view, if it was taken.
    """

    seen: Tensor
    hand: Tensor
    closeup: Tensor | None = None


class Past(NamedTuple):
    """What was done in the episode before, m, robot-base frame.

    Attributes:
        brought: (n, 3) where something was put.
        missed: (n, 3) where nothing was there to take.
    """

    brought: Tensor
    missed: Tensor

    @classmethod
    def nothing(cls, device: torch.device) -> Past:
        """Of an episode that begins."""
        nowhere = torch.zeros(0, PLACE, device=device)
        return cls(nowhere, nowhere)

    def and_brought(self, place: Tensor) -> Past:
        """The same, and something was put at a place (3,)."""
        return self._replace(brought=torch.cat([self.brought, place[None]]))

    def and_missed(self, place: Tensor) -> Past:
        """The same, and nothing was there to take at a place (3,)."""
        return self._replace(missed=torch.cat([self.missed, place[None]]))

    def repeated(self, moves: Tensor) -> Tensor:
        """Whether moves (..., 6) do again what was done, or undo it.

        They take away what was brought somewhere, put something into its place (upon it they may),
        or take something from where nothing was.
        """
        picks, puts = (part[..., None, :] for part in moves.split(PLACE, dim=-1))
        level = puts[..., 2] < self.brought[:, 2] + LOWER_M
        undone = (_gaps(picks, self.brought) < OTHER_M) | (
            level & (_gaps(puts, self.brought) < UPON_M)
        )
        repeated: Tensor = undone.any(dim=-1) | (_gaps(picks, self.missed) < MISSED_M).any(dim=-1)
        return repeated


@dataclass(frozen=True)
class _Task:
    """What a search is about.

    Attributes:
        moves: networks.
        now: (P, C) details of the present, in the first view: the others move with the hand.
        pose: (8,) of the present.
        goal: to be brought about.
        past: what was done before.
    """

    moves: Moves
    now: Tensor
    pose: Tensor
    goal: GoalPicture
    past: Past

    def distances(self, ends: Tensor) -> Tensor:
        """Mean absolute differences (S,) of ends (S, P, C) from the goal."""
        return (ends - self.goal.seen).abs().mean(dim=(1, 2))

    def propose(
        self, ends: Tensor, poses: Tensor, rng: np.random.Generator, draws: int
    ) -> Proposed:
        """Moves that go on from ends (S, P, C)."""
        goal, closeup = self.goal, None
        if goal.closeup is not None:
            near = self.moves.closeup(goal.closeup[None], goal.hand[None])
            closeup = near.expand(len(ends))
        there = goal.seen.expand_as(ends)
        return self.moves.propose(ends, there, poses, rng, draws, closeup)

    def lead(self, ends: Tensor, poses: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Details (S, P, C) and poses (S, 8) after moves (S, 6) from others."""
        hands = self.goal.hand.expand(len(ends), -1)
        parts = zip(*(part.split(_AT_ONCE) for part in (ends, poses, moves, hands)), strict=True)
        return torch.cat([self.moves.imagine(*part) for part in parts]), hands


@dataclass(frozen=True)
class MoveSearch:
    """A beam search.

    Attributes:
        samples: moves imagined at each depth.
        beam: chains kept.
        depth: most moves of a chain.
        trust: cost of a nat of the moves' mean surprise, in units of the distance.
        order: cost of a move that has to wait for others.
        again: cost of what repeats or undoes what was done in this episode, see ``Past``.
    """

    samples: int = 128
    beam: int = 16
    depth: int = 1
    trust: float = 0.02
    order: float = 0.7
    again: float = 0.15

    def __post_init__(self) -> None:
        at_least_one(samples=self.samples, beam=self.beam, depth=self.depth)

    @torch.inference_mode()
    def plan(
        self,
        moves: Moves,
        now: Tensor,
        pose: Tensor,
        goal: GoalPicture,
        rng: np.random.Generator,
        past: Past | None = None,
    ) -> Chain:
        """The chain to begin.

        Args:
            moves: proposes and imagines.
            now: (P, C) details of the first view, the fingers being empty.
            pose: (8,) achieved pose and commanded closedness.
            goal: to be brought about.
            rng: of the episode.
            past: what was done before in the episode; nothing by default.
        """
        task = _Task(moves, now, pose, goal, past or Past.nothing(now.device))
        tolerated = LONGER * float(task.distances(task.now[None])[0])
        best: Chain | None = None
        for found in self._grown(task, rng):
            if best is None or found.cost + tolerated < best.cost:
                best = found
        assert best is not None
        return best

    def _grown(self, task: _Task, rng: np.random.Generator) -> Iterator[Chain]:
        """The best chain of each length."""
        kept = _Beam.at(task)
        for length in range(1, self.depth + 1):
            draws = -(-self.samples // len(kept.ends))
            drawn = task.propose(kept.ends, kept.poses, rng, draws)
            grown = kept.repeat(draws)
            moves, ways, past = drawn.moves.flatten(0, 1), drawn.ways, task.past
            grown = grown._replace(
                chains=torch.cat([grown.chains, moves[:, None]], dim=1),
                surprise=grown.surprise + drawn.surprise.flatten(),
                waits=grown.waits + hindered(drawn.moves, ways, ~past.repeated(ways)).flatten(),
            )
            ends, poses = task.lead(grown.ends, grown.poses, moves)
            costs = task.distances(ends) + self.trust * grown.surprise / length
            costs = costs + self.again * past.repeated(grown.chains[:, 0])
            costs = costs + self.order * grown.waits
            costs = costs + ~_goes(moves)  # more than any of the others
            best = costs.argsort()[: self.beam]
            kept = grown._replace(ends=ends, poses=poses).take(best)
            yield Chain(kept.chains[0], float(costs[best[0]]))


class _Beam(NamedTuple):
    """S chains that are gone on from.

    Attributes:
        ends: (S, P, C) details of the first view that they lead to.
        poses: (S, 8) the same of the robot.
        chains: (S, d, 6) their moves.
        surprise: (S,) of all of them, nats.
        waits: (S,) how much their moves have to wait for others, see ``hindered``.
    """

    ends: Tensor
    poses: Tensor
    chains: Tensor
    surprise: Tensor
    waits: Tensor

    @classmethod
    def at(cls, task: _Task) -> _Beam:
        """Nothing was moved yet."""
        none = task.now.new_zeros(1)
        chains = task.now.new_zeros(1, 0, MOVE_SIZE)
        return cls(task.now[None], task.pose[None], chains, none, none)

    def repeat(self, times: int) -> _Beam:
        """Each of them so many times in a row."""
        return _Beam(*(part.repeat_interleave(times, dim=0) for part in self))

    def take(self, some: Tensor) -> _Beam:
        """Those of these numbers."""
        return _Beam(*(part[some] for part in self))


def hindered(moves: Tensor, ways: Tensor, count: Tensor) -> Tensor:
    """How much each of the moves (N, K, 6) has to wait for others, from none to one (N, K).

    It waits for what is to go away from where it puts something, and for what is to go beneath
    that.

    Args:
        moves: to be judged.
        ways: (N, W, 6) where things that stand are to go.
        count: (N, W) which of them count.
    """
    (picks, puts), (stands, goes) = (part.split(PLACE, dim=2) for part in (moves, ways))
    others = (_apart(picks, stands) > OTHER_M) & (_goes(ways) & count)[:, None]
    clears = (_apart(puts, stands) < OTHER_M) & (_apart(puts, goes) > AWAY_M)
    lower = goes[:, None, :, 2] < puts[:, :, None, 2] - LOWER_M
    beneath = (_apart(puts, goes) < UPON_M) & lower
    share: Tensor = (others & (clears | beneath)).float().mean(dim=2)
    return ((share - FEW) / (ENOUGH - FEW)).clamp(0.0, 1.0)


def _gaps(mine: Tensor, others: Tensor) -> Tensor:
    """Metres between places (..., 3) that go with one another, seen from above."""
    gaps: Tensor = (mine[..., :2] - others[..., :2]).norm(dim=-1)
    return gaps


def _apart(mine: Tensor, others: Tensor) -> Tensor:
    """(N, K, L) metres between places (N, K, 3) and others (N, L, 3), seen from above."""
    return _gaps(mine[:, :, None], others[:, None])


def _goes(moves: Tensor) -> Tensor:
    """Whether moves (..., 6) lead anywhere, seen from above."""
    picks, puts = moves.split(PLACE, dim=-1)
    return _gaps(picks, puts) > NOWHERE_M
