"""Moves learnt from play: what the robot's own state tells of each thing taken and put down.

Every frame from which something was soon let go is an example: of which move was next (on the way
to the picture just after it, or after a later one), of what the latents were just after it, and of
the actions that made it. No episode needs a goal of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.errors import UserError
from worldsim.moves import Moves
from worldsim.training.batches import Arrays, gather, gather_tokens
from worldsim.training.hindsight import Index, chunks_towards
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import MovesTraining
from worldsim.training.releases import Releases
from worldsim.training.run import TrainingRun
from worldsim.world_model import WorldModel

WITHIN = 40
"""A release so many frames on is what was being done; from afar it takes as long."""
PROMPT = 26
"""So soon it is when whoever made the move neither waited nor strayed before: that is imitated."""
AFTER = 2
"""The outcome of a move is seen so many frames after its release, with open fingers."""
_FITTED = 20_000
_SMALLEST_SPREAD_M, _SMALLEST_STD = 0.005, 0.05


@dataclass(frozen=True)
class HindsightMoves:
    """The moves of F frames.

    Attributes:
        releases: where they end; R of them.
        next: (F,) number of the first release that is not past.
        grasps: (R,) frames before which the fingers closed for each.
        moves: (R, 6) tool centre when the fingers closed, and when they opened, m.
        after: (R,) frames that show what each brought about.
        empty: frames before one, the fingers being open and empty.
        making: frames from which one was made promptly.
    """

    releases: Releases
    next: Index
    grasps: Index
    moves: NDArray[np.float32]
    after: Index
    empty: Index
    making: Index

    @classmethod
    def of(cls, arrays: Arrays, demonstrators: tuple[str, ...]) -> HindsightMoves:
        """Find them; ``demonstrators`` are policies (by prefix) to learn from.

        Raises:
            UserError: nothing is taken and let go in the data.
        """
        releases = Releases.of(arrays, WITHIN)
        ends, closed = arrays.ends, arrays.target[:, 6] > 0.5
        now = np.arange(len(ends))
        coming = np.searchsorted(releases.frames, now)
        some = np.flatnonzero(coming <= releases.last)
        some = some[arrays.collected_by(demonstrators)[some]]
        ahead = releases.frames[coming[some]] - some
        soon, making = some[ahead <= WITHIN], some[ahead <= PROMPT]
        if not len(soon):
            raise UserError("nothing is taken and let go in the data: there are no moves to learn")
        grasps = _last_open(closed, arrays.offsets, arrays.lengths)[releases.frames - 1] + 1
        place, last = arrays.proprio[:, :3], releases.frames
        moves = np.concatenate([place[np.minimum(grasps + 1, last)], place[last]], axis=1)
        after = np.minimum(last + AFTER, releases.until)
        empty = soon[~closed[soon] & (soon < grasps[coming[soon]])]
        return cls(releases, coming, grasps, moves, after, empty, making)

    def of_frames(self, frames: Index) -> Tensor:
        """Moves (B, 6) that are next at frames (B,)."""
        return torch.from_numpy(self.moves[self.next[frames]])

    def goals(self, frames: Index, rng: np.random.Generator) -> Index:
        """Frames (B,) just after the move that is next at frames (B,), or after later ones."""
        return self.releases.ahead(frames, self.next[frames], rng)


def _last_open(closed: NDArray[np.bool_], offsets: Index, lengths: Index) -> Index:
    """(F,) last frame up to each, in its episode, at which the fingers were told to be open."""
    opened = np.where(closed, -1, np.arange(len(closed)))
    firsts = np.repeat(offsets, lengths) - 1
    found: Index = np.maximum(np.maximum.accumulate(opened), firsts)
    return found


def train_moves(
    model: WorldModel,
    latents: Arrays,
    config: MovesTraining,
    loops: Mapping[str, LoopConfig],
    run: TrainingRun,
) -> tuple[Moves, dict[str, float]]:
    """Train networks of moves anew, one after the other; the rest of the model stays as it is.

    Args:
        model: its encoder made the latents; networks that are not trained are its own, if it knows
            moves, or untrained.
        latents: what ``encode_all`` returned.
        config: options.
        loops: of those of ``Moves.PARTS`` that are trained: length, learning rate, device, seed (of
            the initial weights, too).
        run: where the checkpoints, ``moves-PART.pt``, are kept for resume.

    Returns:
        The networks, and running means of the losses.
    """
    found = HindsightMoves.of(latents, config.demonstrators)
    known = model.moves if model.config.moves else None
    means: dict[str, float] = {}
    for part, loop in loops.items():
        torch.manual_seed(loop.seed)
        fresh = model.new_moves()
        known = known or fresh
        setattr(known, part, getattr(fresh, part))
        known.to(loop.device).train()
        model.to(loop.device)
        # Networks that are kept go on with the deviations that they learnt with.
        if part == "proposals":
            _fit_moves(known, found)
        elif part == "executor":
            _fit_actions(known, model, found, latents, np.random.default_rng(loop.seed))
        loss = getattr(_Teacher(model, latents, known, found, config), part)
        modules = {part: getattr(known, part)}
        means |= train(f"moves-{part}", modules, (part,), _only(part, loss), loop, run)
    assert known is not None
    return known.eval(), means


def _only(
    part: str, loss: Callable[[np.random.Generator], Tensor]
) -> Callable[[np.random.Generator, int], dict[str, Tensor]]:
    return lambda rng, step: {part: loss(rng)}


@dataclass(frozen=True)
class _Teacher:
    """The loss of each network, on a batch of its own."""

    model: WorldModel
    latents: Arrays
    learnt: Moves
    found: HindsightMoves
    config: MovesTraining

    def proposals(self, rng: np.random.Generator) -> Tensor:
        """Which move is next?"""
        here = rng.choice(self.found.empty, self.config.batch)
        goal = self._seen(self.found.goals(here, rng))
        moves = self.found.of_frames(here).to(self.model.device)
        return self.learnt.proposal_loss(self._seen(here), goal, self._poses(here), moves, rng)

    def outcome(self, rng: np.random.Generator) -> Tensor:
        """What does it bring about?"""
        here = rng.choice(self.found.empty, self.config.batch)
        moves = self.found.of_frames(here).to(self.model.device)
        later = self._seen(self.found.after[self.found.next[here]])
        return F.l1_loss(self.learnt.imagine(self._seen(here), self._poses(here), moves), later)

    def executor(self, rng: np.random.Generator) -> Tensor:
        """How is it made? Roughly where to take is told: pictures tell where exactly."""
        here = rng.choice(self.found.making, self.config.batch)
        moves = self.found.of_frames(here)
        blur = self.config.blur_m * rng.standard_normal((len(here), 3), dtype=np.float32)
        moves[:, :3] += torch.from_numpy(blur)
        chunks = chunks_towards(
            self.model, self.latents, here, self.found.after[self.found.next[here]]
        )
        told = moves.to(self.model.device)
        return self.learnt.executor_loss(self._seen(here), self._poses(here), told, chunks, rng)

    def _seen(self, frames: Index) -> Tensor:
        """Latents (B, N, D) of frames (B,)."""
        tokens = self.model.tokens(len(self.model.config.cameras))
        return gather_tokens(self.latents, frames, tokens, str(self.model.device))

    def _poses(self, frames: Index) -> Tensor:
        """Achieved poses and commanded closedness (B, 8) at frames (B,)."""
        closed = gather(self.latents.target, frames)[:, 6:]
        poses = torch.cat([gather(self.latents.proprio, frames), closed], dim=1)
        return poses.to(self.model.device)


def _fit_moves(learnt: Moves, found: HindsightMoves) -> None:
    """Mean and deviation of moves."""
    moves = torch.from_numpy(found.moves)
    learnt.move_mean.copy_(moves.mean(dim=0))
    learnt.move_std.copy_(moves.std(dim=0, correction=0).clamp(min=_SMALLEST_SPREAD_M))


def _fit_actions(
    learnt: Moves,
    model: WorldModel,
    found: HindsightMoves,
    latents: Arrays,
    rng: np.random.Generator,
) -> None:
    """Mean and deviation of actions, but for the gripper's."""
    here = rng.choice(found.making, _FITTED)
    actions = chunks_towards(model, latents, here, here + 1)[:, 0]
    learnt.action_mean[:6] = actions.mean(dim=0)[:6]
    learnt.action_std[:6] = actions.std(dim=0)[:6].clamp(min=_SMALLEST_STD)
