"""Search over chains of moves, imagined in latent space: what composes what play showed.

Play moves one thing at a time. A chain of imagined moves, each from where the last one led, brings
about a picture in which several things stand elsewhere; of many chains the one whose end is the
most like the picture is begun. It is a beam search: each chain that was kept proposes moves, all
are imagined, the best are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import MOVE_SIZE, Moves
from worldsim.planning.planner import at_least_one

LONGER = 0.01
"""A chain of one more move must end so much nearer, as a share of the present distance."""


@dataclass(frozen=True)
class Chain:
    """Moves one after the other, and what they lead to.

    Attributes:
        moves: (d, 6), m, robot-base frame.
        latents: (d, N, D) imagined just after each.
        costs: (d,) distance to the goal after each.
    """

    moves: Tensor
    latents: Tensor
    costs: Tensor


@dataclass(frozen=True)
class MoveSearch:
    """A beam search.

    Attributes:
        samples: moves imagined at each depth.
        beam: chains kept.
        depth: most moves of a chain.
        near: weight of the cameras after the first, which move with the hand.
    """

    samples: int = 64
    beam: int = 8
    depth: int = 3
    near: float = 0.3

    def __post_init__(self) -> None:
        at_least_one(samples=self.samples, beam=self.beam, depth=self.depth)

    @torch.inference_mode()
    def plan(
        self, moves: Moves, now: Tensor, goal: Tensor, pose: Tensor, rng: np.random.Generator
    ) -> Chain:
        """The chain to begin.

        Args:
            moves: proposes and imagines.
            now: (N, D) latents of the present, the fingers being empty.
            goal: (N, D) latents of the picture.
            pose: (8,) achieved pose and commanded closedness.
            rng: of the episode.
        """
        weights = self._weights(moves, goal)
        ends, poses = now[None], pose[None]
        chains = now.new_zeros(1, 0, MOVE_SIZE)
        imagined, costs = now.new_zeros(1, 0, *now.shape), now.new_zeros(1, 0)
        best = None
        tolerated = LONGER * float(distances(ends, goal, weights))
        for _ in range(self.depth):
            chosen, where = self._branches(moves, ends, poses, goal, rng)
            latents = moves.imagine(ends[where], poses[where], chosen)
            here = distances(latents, goal, weights)
            kept = here.argsort()[: self.beam]
            where, chosen, ends = where[kept], chosen[kept], latents[kept]
            poses = moves.after(poses[where], chosen)
            chains = torch.cat([chains[where], chosen[:, None]], dim=1)
            imagined = torch.cat([imagined[where], ends[:, None]], dim=1)
            costs = torch.cat([costs[where], here[kept, None]], dim=1)
            if best is None or costs[0, -1] + tolerated < best.costs[-1]:
                best = Chain(chains[0], imagined[0], costs[0])
        assert best is not None
        return best

    def _branches(
        self, moves: Moves, ends: Tensor, poses: Tensor, goal: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Moves (S, 6), and from which of the ends (B, N, D) each goes on (S,)."""
        draws = -(-self.samples // len(ends))
        drawn = moves.propose(ends, goal.expand_as(ends), poses, rng, draws)
        return drawn.flatten(0, 1), torch.arange(len(ends), device=goal.device).repeat_interleave(
            draws
        )

    def _weights(self, moves: Moves, goal: Tensor) -> Tensor:
        """(N,) of the tokens, of sum one."""
        first = torch.arange(len(goal), device=goal.device) < math.prod(moves.config.grid)
        weights = torch.where(first, 1.0, self.near)
        return weights / weights.sum()


def distances(latents: Tensor, goal: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute differences (S,) of latents (S, N, D) from a goal's (N, D), tokens weighed."""
    return (latents - goal).abs().mean(dim=2) @ weights
