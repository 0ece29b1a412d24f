"""Search over chains of moves, imagined in what the encoder sees: what composes what play showed.

Play moves one thing at a time. A chain of imagined moves, each from where the last one led, brings
about a picture in which several things stand elsewhere; of many chains the one whose end is the
most like the picture is begun. It is a beam search: the chains that were kept propose moves, all
are imagined, and those are kept that end nearest and surprise the proposals least. (Varying the
best ones, as the cross-entropy method does, finds ends that look nearer and are not.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import MOVE_SIZE, Moves
from worldsim.planning.planner import at_least_one
from worldsim.proposals import PLACE

LONGER = 0.03
"""A chain of one more move must end so much nearer, as a share of the present distance."""
NOWHERE_M = 0.04
"""A thing so near to its place is not moved."""
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
class _Task:
    """What a search is about.

    Attributes:
        moves: networks.
        now: (P, C) details of the present, in the first view: the others move with the hand.
        pose: (8,) of the present.
        goal: (P, C) those of the picture.
        hand: (8,) pose that the picture shows. In all that is imagined the hand is there, so that
            only the things make a difference.
    """

    moves: Moves
    now: Tensor
    pose: Tensor
    goal: Tensor
    hand: Tensor

    def distances(self, ends: Tensor) -> Tensor:
        """Mean absolute differences (S,) of ends (S, P, C) from the goal."""
        return (ends - self.goal).abs().mean(dim=(1, 2))

    def lead(self, ends: Tensor, poses: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Details (S, P, C) and poses (S, 8) after moves (S, 6) from others."""
        hands = self.hand.expand(len(ends), -1)
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
        low: cost of the height at which something is put, per metre: what others are to stand on
            is put down first.
    """

    samples: int = 128
    beam: int = 16
    depth: int = 1
    trust: float = 0.02
    low: float = 0.3

    def __post_init__(self) -> None:
        at_least_one(samples=self.samples, beam=self.beam, depth=self.depth)

    @torch.inference_mode()
    def plan(
        self,
        moves: Moves,
        now: Tensor,
        goal: Tensor,
        pose: Tensor,
        hand: Tensor,
        rng: np.random.Generator,
    ) -> Chain:
        """The chain to begin.

        Args:
            moves: proposes and imagines.
            now: (P, C) details of the first view, the fingers being empty.
            goal: (P, C) those of the picture.
            pose: (8,) achieved pose and commanded closedness.
            hand: (8,) the same as the picture shows it.
            rng: of the episode.
        """
        task = _Task(moves, now, pose, goal, hand)
        tolerated = LONGER * float(task.distances(task.now[None])[0])
        best: Chain | None = None
        for found in self._grown(task, rng):
            if best is None or found.cost + tolerated < best.cost:
                best = found
        assert best is not None
        return best

    def _grown(self, task: _Task, rng: np.random.Generator) -> Iterator[Chain]:
        """The best chain of each length."""
        ends, poses = task.now[None], task.pose[None]
        chains, surprise = ends.new_zeros(1, 0, MOVE_SIZE), ends.new_zeros(1)
        for length in range(1, self.depth + 1):
            draws = -(-self.samples // len(ends))
            goals = task.goal.expand_as(ends)
            drawn, surprises = task.moves.propose(ends, goals, poses, rng, draws)
            ends, poses, chains, surprise = (
                part.repeat_interleave(draws, dim=0) for part in (ends, poses, chains, surprise)
            )
            chains = torch.cat([chains, drawn.flatten(0, 1)[:, None]], dim=1)
            surprise = surprise + surprises.flatten()
            ends, poses = task.lead(ends, poses, chains[:, -1])
            costs = task.distances(ends) + self.trust * surprise / length
            costs = costs + self.low * chains[:, 0, -1]
            way = chains[:, -1, PLACE:] - chains[:, -1, :PLACE]
            costs = costs + (way.norm(dim=1) < NOWHERE_M)
            kept = costs.argsort()[: self.beam]
            ends, poses, chains, surprise = (part[kept] for part in (ends, poses, chains, surprise))
            yield Chain(chains[0], float(costs[kept[0]]))
