"""The way to a picture, in moves: chosen by imagining chains of them, made one after the other."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from worldsim.moves import Moves, holds
from worldsim.planning.moves import Chain, MoveSearch

PATIENCE = 36
"""Control steps after which a move that has not ended is thought over."""
DRAWS = 16
"""Chunks of which the most typical is begun."""
STEADY_STEPS, AFTER_STEPS = 2, 2
"""Something that was held so long was taken; so long after it was let go the move is over."""


class MoveMaker:
    """Chooses a move, and keeps to it until something was let go or its time is over.

    Args:
        moves: proposes, imagines and makes them.
        search: chooses.

    Attributes:
        chain: what is begun; None where the next look chooses.
    """

    chain: Chain | None

    def __init__(self, moves: Moves, search: MoveSearch) -> None:
        self._moves, self._search = moves, search
        self.reset()

    def reset(self) -> None:
        """Choose anew."""
        self.chain = None
        self._left, self._held, self._open = 0, 0, 0

    def look(self, latent: Tensor, goal: Tensor, pose: Tensor, rng: np.random.Generator) -> None:
        """Choose a move where the last one has ended.

        Args:
            latent: (N, D) latents now.
            goal: (N, D) latents of the picture.
            pose: (8,) achieved pose and commanded closedness.
            rng: of the episode.
        """
        self._watch(float(pose[6]), float(pose[7]))
        if self.chain is None or (self._left <= 0 and not self._held):
            self.chain = self._search.plan(self._moves, latent, goal, pose, rng)
            self._left = PATIENCE
        self._left -= 1

    def act(self, latent: Tensor, pose: Tensor, rng: np.random.Generator) -> Tensor:
        """The chunk of actions (H, 7) that goes on with the move."""
        assert self.chain is not None, "look first"
        move = self.chain.moves[:1]
        return self._moves.act(latent[None], pose[None], move, rng, DRAWS)[0]

    def _watch(self, closedness: float, commanded: float) -> None:
        """Count the steps in which something is held, and then those in which it is let go."""
        if holds(closedness, commanded):
            self._held, self._open = self._held + 1, 0
        elif self._held >= STEADY_STEPS and commanded < 0.5:
            self._open += 1
            if self._open == AFTER_STEPS:
                self.reset()
        else:
            self._held = 0
