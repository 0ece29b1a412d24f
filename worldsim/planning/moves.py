"""Search over chains of moves, imagined in latent space: what composes what play showed.

Play moves one thing at a time. A chain of imagined moves, each from where the last one led, brings
about a picture in which several things stand elsewhere; of many chains the one whose end is the
most like the picture is begun. First a beam search: the chains that were kept propose moves, all
are imagined, those that end nearest are kept. Then chains of each length are varied, the best
variations again, as the cross-entropy method does, and a longer chain counts where it ends nearer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import MOVE_SIZE, Moves
from worldsim.noise import normal
from worldsim.planning.planner import at_least_one

LONGER = 0.03
"""A chain of one more move must end so much nearer, as a share of the present distance."""
_AT_ONCE = 128


@dataclass(frozen=True)
class Chain:
    """Moves one after the other, and where they lead.

    Attributes:
        moves: (d, 6), m, robot-base frame.
        cost: distance of their end to the goal.
    """

    moves: Tensor
    cost: float


@dataclass(frozen=True)
class _Task:
    """What a search is about: networks, latents (N, D) and pose (8,) now, latents of the goal."""

    moves: Moves
    now: Tensor
    pose: Tensor
    goal: Tensor

    def distances(self, ends: Tensor) -> Tensor:
        """Mean absolute differences (S,) of ends (S, N, D) from the goal, in the first view.

        The other cameras move with the hand.
        """
        seen = self.moves.seen
        return (ends[:, :seen] - self.goal[:seen]).abs().mean(dim=(1, 2))

    def lead(self, ends: Tensor, poses: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (S, N, D) and poses (S, 8) after moves (S, 6) from others."""
        parts = zip(*(part.split(_AT_ONCE) for part in (ends, poses, moves)), strict=True)
        imagined = torch.cat([self.moves.imagine(*part) for part in parts])
        return imagined, self.moves.after(poses, moves)

    def costs(self, chains: Tensor) -> Tensor:
        """Distances (S,) of the ends of chains (S, d, 6)."""
        count = len(chains)
        ends, poses = self.now.expand(count, -1, -1), self.pose.expand(count, -1)
        for moves in chains.unbind(1):
            ends, poses = self.lead(ends, poses, moves)
        return self.distances(ends)


@dataclass(frozen=True)
class MoveSearch:
    """A beam search, and variations of what it found.

    Attributes:
        samples: moves imagined at each depth.
        beam: chains kept.
        depth: most moves of a chain.
        rounds: of variations.
        variations: chains tried in a round.
        elites: chains that the next round varies.
        spread_m: deviation of the first round's variations, m; 0.6 of it in each that follows.
    """

    samples: int = 192
    beam: int = 24
    depth: int = 2
    rounds: int = 3
    variations: int = 96
    elites: int = 12
    spread_m: float = 0.03

    def __post_init__(self) -> None:
        at_least_one(
            samples=self.samples,
            beam=self.beam,
            depth=self.depth,
            variations=self.variations,
            elites=self.elites,
        )

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
        task = _Task(moves, now, pose, goal)
        tolerated = LONGER * float(task.distances(now[None])[0])
        best = None
        for chains, costs in self._grown(task, rng):
            found = self._varied(task, chains, costs, rng)
            if best is None or found.cost + tolerated < best.cost:
                best = found
        assert best is not None
        return best

    def _grown(self, task: _Task, rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
        """Chains (beam, d, 6) of each length with their costs, the nearest first."""
        ends, poses = task.now[None], task.pose[None]
        chains = task.now.new_zeros(1, 0, MOVE_SIZE)
        grown = []
        for _ in range(self.depth):
            draws = -(-self.samples // len(ends))
            drawn = task.moves.propose(ends, task.goal.expand_as(ends), poses, rng, draws)
            ends, poses, chains = (
                part.repeat_interleave(draws, dim=0) for part in (ends, poses, chains)
            )
            chains = torch.cat([chains, drawn.flatten(0, 1)[:, None]], dim=1)
            ends, poses = task.lead(ends, poses, chains[:, -1])
            costs = task.distances(ends)
            kept = costs.argsort()[: self.beam]
            ends, poses, chains = ends[kept], poses[kept], chains[kept]
            grown.append((chains, costs[kept]))
        return grown

    def _varied(
        self, task: _Task, chains: Tensor, costs: Tensor, rng: np.random.Generator
    ) -> Chain:
        """The best of chains (S, d, 6), sorted by their costs (S,), and of their variations."""
        chains, costs = chains[: self.elites], costs[: self.elites]
        for round_ in range(self.rounds):
            rows = torch.from_numpy(rng.integers(0, len(chains), self.variations))
            base = chains[rows.to(chains.device)]
            noise = normal(rng, tuple(base.shape), base)
            tried = base + self.spread_m * 0.6**round_ * noise
            chains, costs = (
                torch.cat(pair) for pair in ((chains, tried), (costs, task.costs(tried)))
            )
            kept = costs.argsort()[: self.elites]
            chains, costs = chains[kept], costs[kept]
        return Chain(chains[0], float(costs[0]))
