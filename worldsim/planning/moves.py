"""Search over chains of moves, imagined in latent space: what composes what play showed.

Play moves one thing at a time. A chain of imagined moves, each from where the last one led, brings
about a picture in which several things stand elsewhere; of many chains the one whose end is the
most like the picture is begun. First a beam search: each chain that was kept proposes moves, all
are imagined, the best are kept. Then the best one is varied, and variations that end nearer take
its place.

Ends are compared with the picture after the empty hand went, in imagination, to where the picture
has it: a hand elsewhere is much of what differs between two pictures, and costs nothing to mend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import MOVE_SIZE, Moves
from worldsim.noise import normal
from worldsim.planning.planner import at_least_one

LONGER = 0.02
"""A chain of one more move must end so much nearer, as a share of the present distance."""


@dataclass(frozen=True)
class Chain:
    """Moves one after the other, and what they lead to.

    Attributes:
        moves: (d, 6), m, robot-base frame.
        latents: (d, P, D) imagined just after each.
        cost: distance of the end to the goal.
    """

    moves: Tensor
    latents: Tensor
    cost: float


@dataclass(frozen=True)
class _Task:
    """What a search is about: networks, latents (P, D) and pose (8,) now, and of the goal."""

    moves: Moves
    now: Tensor
    pose: Tensor
    goal: Tensor
    hand: Tensor

    def distances(self, ends: Tensor, poses: Tensor) -> Tensor:
        """Mean absolute differences (S,) to the goal of ends (S, P, D), the hands being there."""
        there = self.hand.repeat(2).expand(len(ends), -1)
        return (self.moves.imagine(ends, poses, there) - self.goal).abs().mean(dim=(1, 2))

    def follow(self, chains: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (S, d, P, D) after each move of chains (S, d, 6), and distances (S,)."""
        ends, poses = self.now.expand(len(chains), -1, -1), self.pose.expand(len(chains), -1)
        imagined = []
        for chosen in chains.unbind(1):
            ends = self.moves.imagine(ends, poses, chosen)
            poses = self.moves.after(poses, chosen)
            imagined.append(ends)
        return torch.stack(imagined, dim=1), self.distances(ends, poses)


@dataclass(frozen=True)
class MoveSearch:
    """A beam search, and variations of what it found.

    Attributes:
        samples: moves imagined at each depth, and variations tried at once.
        beam: chains kept.
        depth: most moves of a chain.
        variations: how often the best chain is varied.
        spread_m: deviation of the first variations, m; each time half as large.
    """

    samples: int = 128
    beam: int = 16
    depth: int = 3
    variations: int = 3
    spread_m: float = 0.02

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
            now: (N, D) latents of the present, the fingers being empty.
            goal: (N, D) latents of the picture.
            pose: (8,) achieved pose and commanded closedness.
            hand: (3,) place of the tool centre in the picture, m.
            rng: of the episode.
        """
        task = _Task(moves, now[: moves.seen], pose, goal[: moves.seen], hand)
        return self._varied(task, self._grown(task, rng), rng)

    def _grown(self, task: _Task, rng: np.random.Generator) -> Chain:
        """The best chain of a beam search."""
        ends, poses = task.now[None], task.pose[None]
        chains = task.now.new_zeros(1, 0, MOVE_SIZE)
        tolerated = LONGER * float(task.distances(ends, poses)[0])
        best = None
        for _ in range(self.depth):
            draws = -(-self.samples // len(ends))
            drawn = task.moves.propose(ends, task.goal.expand_as(ends), poses, rng, draws)
            chains = torch.cat(
                [chains.repeat_interleave(draws, dim=0), drawn.flatten(0, 1)[:, None]], dim=1
            )
            ends, poses = (part.repeat_interleave(draws, dim=0) for part in (ends, poses))
            ends = task.moves.imagine(ends, poses, chains[:, -1])
            poses = task.moves.after(poses, chains[:, -1])
            costs = task.distances(ends, poses)
            kept = costs.argsort()[: self.beam]
            chains, ends, poses = chains[kept], ends[kept], poses[kept]
            if best is None or float(costs[kept[0]]) + tolerated < best.cost:
                best = self._chain(task, chains[:1])
        assert best is not None
        return best

    def _varied(self, task: _Task, best: Chain, rng: np.random.Generator) -> Chain:
        """The best of a chain and its variations."""
        spread = self.spread_m
        for _ in range(self.variations):
            noise = normal(rng, (self.samples, *best.moves.shape), best.moves)
            found = self._chain(task, best.moves + spread * noise)
            best, spread = (found if found.cost < best.cost else best), spread / 2
        return best

    def _chain(self, task: _Task, chains: Tensor) -> Chain:
        """The best of chains (S, d, 6)."""
        imagined, costs = task.follow(chains)
        first = int(costs.argmin())
        return Chain(chains[first], imagined[first], float(costs[first]))
