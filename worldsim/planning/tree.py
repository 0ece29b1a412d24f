"""Search over chains of recorded behaviour: what was once done, imagined from here, and from there.

Candidates are chunks of actions that somebody once took: each is a thing that can be done, and a
Gaussian around one proposal finds hardly any. The best are gone on from with further ones, as the
branches of a tree (a beam search), and the best chains are refined. Whoever plans hands the chunks
over as proposals; the cost should tell how far a future is from the goal even where that is far, as
a learnt value does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from worldsim.noise import normal
from worldsim.planning.planner import NARROW, Cost, Plan, at_least_one, box, ranked, scored


@dataclass(frozen=True)
class Tree:
    """Plans by chaining proposals.

    Attributes:
        horizon: actions of a chunk, and of what is returned.
        depth: chunks of a chain.
        beam: chains that are gone on from.
        branches: chunks each of them is gone on with.
        refits: rounds of candidates around the best chains, at the end.
        samples: candidates of a refit.
        spread: (A,) standard deviations of their noise.
        recorded: recorded chunks that whoever plans is to propose.
    """

    grows: ClassVar[str] = "recorded"

    horizon: int = 4
    depth: int = 1
    beam: int = 8
    branches: int = 24
    refits: int = 2
    samples: int = 48
    spread: tuple[float, ...] = NARROW
    recorded: int = 192

    def __post_init__(self) -> None:
        at_least_one(
            horizon=self.horizon,
            depth=self.depth,
            beam=self.beam,
            branches=self.branches,
            samples=self.samples,
        )

    def plan(
        self, cost: Cost, rng: np.random.Generator, mean: Tensor, proposals: Tensor | None = None
    ) -> Plan:
        """See ``Planner.plan``."""
        chunks = box(mean[None] if proposals is None else torch.cat([mean[None], proposals]))
        chains, costs = _best(cost, chunks, self.beam)
        history = [costs[0]]
        for _ in range(self.depth - 1):
            # The same chunks from another place are other futures.
            picked = rng.integers(len(chunks), size=(len(chains), self.branches))
            after = chunks[torch.from_numpy(picked).to(chunks.device)]  # (beam, branches, H, A)
            before = chains[:, None].expand(-1, self.branches, -1, -1)
            chains, costs = _best(cost, torch.cat([before, after], dim=2).flatten(0, 1), self.beam)
            history.append(costs[0])
        spread = mean.new_tensor(self.spread)
        for _ in range(self.refits):
            near = chains[torch.arange(self.samples, device=chains.device) % len(chains)]
            drawn = box(near + spread * normal(rng, tuple(near.shape), near))
            chains, costs = _best(cost, torch.cat([chains, drawn]), self.beam)
            history.append(costs[0])
        first = chains[0, : len(mean)]
        return Plan(first, costs[0], first, torch.stack(history))


def _best(cost: Cost, candidates: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The cheapest candidates, cheapest first, and their costs."""
    costs = scored(cost, candidates)
    order = ranked(costs)[:count]
    return candidates[order], costs[order]
