"""The way to a picture, in moves: chosen by imagining chains of them, made one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from worldsim.details import find_details
from worldsim.moves import HELD, holds
from worldsim.planning.moves import Chain, GoalPicture, MoveSearch, Past
from worldsim.world_model import WorldModel

PATIENCE = 36
"""Control steps after which a move that has not ended is thought over."""
DRAWS = 16
"""Chunks of which the most typical is begun."""
STEADY_STEPS, AFTER_STEPS = 2, 2
"""Something that was held so long was taken; so long after it was let go the move is over."""
STUCK_STEPS, STUCK_M, THERE_M = 3, 0.007, 0.04
"""What is held over its place, so near, and in so many steps comes no nearer stands there."""
CARRY_M = 0.08
"""So high the hand carries what it holds, and knocks little over: 18 cm above the table."""
IDLE = 0.2
"""An action of open fingers that does less does nothing."""
OPEN = (0.0, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0)
"""What is done where fingers closed over nothing: open them, a little higher."""


class MoveMaker:
    """Chooses a move, and keeps to it until something was let go or its time is over.

    Args:
        model: a world model whose ``moves`` propose, imagine and make them.
        search: chooses.

    Attributes:
        chain: what is begun; None where the next look chooses.
    """

    chain: Chain | None

    def __init__(self, model: WorldModel, search: MoveSearch) -> None:
        self._model, self._search = model, search
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self._past = Past.nothing(self._model.device)
        self._choose()

    def _choose(self) -> None:
        """Choose anew at the next look."""
        self.chain = None
        self._left, self._held, self._open, self._stuck = 0, 0, 0, 0
        self._place: Tensor | None = None
        self._opening, self._waited = False, False

    def look(
        self,
        frame: Tensor,
        goal: Tensor,
        closeup: Tensor | None,
        pose: Tensor,
        hand: Tensor,
        rng: np.random.Generator,
    ) -> None:
        """Choose a move where the last one has ended.

        Args:
            frame: (H, W, 3) uint8, what the first camera sees.
            goal: (H, W, 3) uint8, what it is to see.
            closeup: (H, W, 3) uint8, what the hand's camera is to see, if there is one.
            pose: (8,) achieved pose and commanded closedness.
            hand: (7,) pose that the picture shows.
            rng: of the episode.
        """
        self._watch(float(pose[6]), float(pose[7]))
        if self._opening:
            return
        if self.chain is None or (self._left <= 0 and not self._held):
            there = torch.cat([hand[:6], hand.new_zeros(2)])  # with open fingers
            now, then = self._details(frame), self._details(goal)
            near = None if closeup is None else self._details(closeup)
            wanted = GoalPicture(then, there, near)
            if self.chain is not None:
                self._past = self._past.and_missed(self.chain.moves[0, :3])
            self.chain = self._search.plan(self._model.moves, now, pose, wanted, rng, self._past)
            self._left = PATIENCE
        self._left -= 1
        self._settle(pose[:3])

    def act(self, latent: Tensor, pose: Tensor, rng: np.random.Generator) -> Tensor:
        """The chunk of actions (H, 7) that goes on with the move, from latents (N, D) now."""
        if self._opening:
            return pose.new_tensor(OPEN).expand(self._model.config.chunk, -1)
        assert self.chain is not None, "look first"
        move = self.chain.moves[:1]
        heights = pose.new_full((1,), CARRY_M)
        chunk = self._model.moves.act(latent[None], pose[None], move, heights, rng, DRAWS)[0]
        return self._without_waiting(chunk, pose)

    def _without_waiting(self, chunk: Tensor, pose: Tensor) -> Tensor:
        """The same actions (H, 7); at first they may do nothing once, while fingers are open.

        Who decides by what is seen alone sees the same again once nothing was done, and waits for
        ever.
        """
        is_open = float(pose[6]) < HELD[0] and float(pose[7]) < 0.5
        does = (chunk[:, :6].abs().amax(dim=1) > IDLE) | (chunk[:, 6] > 0.0)
        waits = int(does.long().argmax()) if is_open else 0
        again, self._waited = self._waited, waits > 0
        if not again:
            return chunk
        return torch.cat([chunk[waits:], chunk[-1:].expand(waits, -1)])

    def _details(self, frame: Tensor) -> Tensor:
        """(P, C) of a frame (H, W, 3)."""
        seen = frame[None, None].to(self._model.device)
        return self._model.moves.normalised(find_details(self._model.encoder, seen))[0, 0]

    def _settle(self, place: Tensor) -> None:
        """A thing that stands on something before it is where it was to be is let go there."""
        assert self.chain is not None
        moves, last, self._place = self.chain.moves, self._place, place
        there = float((place - moves[0, 3:])[:2].norm()) < THERE_M
        still = last is not None and float((place - last).norm()) < STUCK_M
        self._stuck = self._stuck + 1 if self._held and there and still else 0
        if self._stuck == STUCK_STEPS:
            let_go = torch.cat([moves[0, :3], place])
            self.chain = replace(self.chain, moves=torch.cat([let_go[None], moves[1:]]))

    def _watch(self, closedness: float, commanded: float) -> None:
        """Count the steps in which something is held, and then those in which it is let go.

        A move whose fingers closed over nothing is over once they are open again.
        """
        if self._opening and closedness < HELD[0]:
            assert self.chain is not None, "fingers closed to make a move"
            self._past = self._past.and_missed(self.chain.moves[0, :3])
            self._choose()
        elif commanded > 0.5 and closedness >= HELD[1]:
            self._opening = True
        elif holds(closedness, commanded):
            self._held, self._open = self._held + 1, 0
        elif self._held >= STEADY_STEPS and commanded < 0.5:
            self._open += 1
            if self._open == AFTER_STEPS:
                assert self.chain is not None, "what was let go was taken by a move"
                self._past = self._past.and_brought(self.chain.moves[0, 3:])
                self._choose()
        else:
            self._held = 0
