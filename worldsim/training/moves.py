"""Training of the networks of moves, on frozen latents of play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.moves import Moves
from worldsim.training.batches import Arrays, gather, gather_tokens
from worldsim.training.hindsight import Index, chunks_towards
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import MovesTraining
from worldsim.training.run import TrainingRun
from worldsim.training.whereabouts import Whereabouts
from worldsim.world_model import WorldModel

_FITTED = 20_000
_SMALLEST_SPREAD_M, _SMALLEST_STD = 0.005, 0.05


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
    whereabouts = Whereabouts.of(latents, found)
    known = model.moves if model.config.moves else None
    means: dict[str, float] = {}
    for part, loop in loops.items():
        torch.manual_seed(loop.seed)
        fresh = model.new_moves()
        known = known or fresh
        setattr(known, part, getattr(fresh, part))
        known.to(loop.device).train()
        # The loss of one may go through another, which stays as it is.
        known.requires_grad_(False)
        getattr(known, part).requires_grad_(True)
        model.to(loop.device)
        # Networks that are kept go on with the deviations that they learnt with.
        if part == "proposals":
            _fit_moves(known, found)
        elif part == "executor":
            _fit_actions(known, model, found, latents, np.random.default_rng(loop.seed))
        loss = getattr(_Teacher(model, latents, known, whereabouts, config), part)
        modules = {part: getattr(known, part)}
        means |= train(f"moves-{part}", modules, (part,), _only(part, loss), loop, run)
    assert known is not None
    return known.requires_grad_(True).eval(), means


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
    known: Whereabouts
    config: MovesTraining

    @property
    def found(self) -> HindsightMoves:
        """The moves."""
        return self.known.found

    def proposals(self, rng: np.random.Generator) -> Tensor:
        """Which moves lead there?"""
        here, goals, moves = self.known.ask(rng, self.config.batch)
        told = torch.from_numpy(moves).to(self.model.device)
        now, goal = self._first_view(here), self._first_view(goals)
        return self.learnt.proposal_loss(now, goal, self._poses(here), told, rng)

    def outcome(self, rng: np.random.Generator) -> Tensor:
        """What does a move bring about?"""
        here = rng.choice(self.found.empty, self.config.batch)
        later = self.found.outcomes(here, rng)
        moves = self.found.of_frames(here).to(self.model.device)
        now, pose, hands = self._first_view(here), self._poses(here), self._poses(later)
        return self.learnt.outcome_loss(now, pose, moves, hands, self._first_view(later))

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

    def _first_view(self, frames: Index) -> Tensor:
        """Latents (B, P, D) of frames (B,), in the first view."""
        return gather_tokens(self.latents, frames, self.learnt.seen, str(self.model.device))

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
