"""Training of the networks of moves, on details of play that a frozen encoder sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from worldsim.closeup import HAND_CAMERA, Closeup
from worldsim.details import detailed, find_details
from worldsim.moves import MOVE_SIZE, Moves
from worldsim.training.batches import Arrays, gather, gather_tokens
from worldsim.training.hindsight import Index, chunks_towards
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.loop import LoopConfig, train
from worldsim.training.options import MovesTraining
from worldsim.training.prompt import Prompt, poses_at
from worldsim.training.run import TrainingRun
from worldsim.training.whereabouts import Whereabouts
from worldsim.world_model import WorldModel

_FITTED, _AT_ONCE = 20_000, 256
_HAND_BLUR = (0.01, 0.01, 0.01, 0.03, 0.03, 0.05, 0.0)
"""Deviations of the pose that is read off a picture, m and rad."""
_NO_CLOSEUP = 0.15  # share of the goals that are seen by the first camera alone
_SMALLEST_SPREAD_M, _SMALLEST_STD, _SMALLEST_DETAIL = 0.005, 0.05, 1e-3


@torch.no_grad()
def details_of(model: WorldModel, arrays: Arrays) -> Arrays:
    """Replace frames (F, V, S, S, 3) by their details (F, V, P, C), in half precision."""
    frames = np.asanyarray(arrays.frames)
    rows, columns, width = detailed(model.encoder).details_size
    found = torch.empty(*frames.shape[:2], rows * columns, width, dtype=torch.float16)
    with tqdm(total=len(frames), desc="details", unit="frame") as bar:
        for start in range(0, len(frames), _AT_ONCE):
            some = np.ascontiguousarray(frames[start : start + _AT_ONCE])
            near = torch.from_numpy(some).to(model.device)
            with torch.autocast(model.device.type, dtype=torch.bfloat16):
                found[start : start + len(some)] = find_details(model.encoder, near).cpu()
            bar.update(len(some))
    return replace(arrays, frames=found)


def train_moves(
    model: WorldModel,
    latents: Arrays,
    details: Arrays,
    config: MovesTraining,
    loops: Mapping[str, LoopConfig],
    run: TrainingRun,
) -> tuple[Moves, dict[str, float]]:
    """Train networks of moves anew, one after the other; the rest of the model stays as it is.

    Args:
        model: its encoder saw all that; networks that are not trained are its own, if it knows
            moves, or untrained.
        latents: what ``encode_all`` returned.
        details: what ``details_of`` returned.
        config: options.
        loops: of those of ``Moves.PARTS`` that are trained: length, learning rate, device, seed (of
            the initial weights, too).
        run: where the checkpoints, ``moves-PART.pt``, are kept for resume.

    Returns:
        The networks, and running means of the losses.
    """
    found = HindsightMoves.of(details, config.demonstrators)
    whereabouts = Whereabouts.of(details, found)
    seed, chunk = next(iter(loops.values())).seed, model.config.chunk
    prompt = Prompt.of(details, found, chunk, seed) if "executor" in loops else None
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
        rng = np.random.default_rng(loop.seed)
        if part == "proposals":
            _fit_moves(known, found)
            _fit_details(known, details, rng)
        elif part == "executor":
            _fit_actions(known, model, found, details, rng)
        teacher = _Teacher(model, latents, details, known, whereabouts, config, prompt)
        loss = getattr(teacher, part)
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
    details: Arrays
    learnt: Moves
    known: Whereabouts
    config: MovesTraining
    prompt: Prompt | None

    @property
    def found(self) -> HindsightMoves:
        """The moves."""
        return self.known.found

    def proposals(self, rng: np.random.Generator) -> Tensor:
        """Which moves lead there?"""
        asked, device = self.known.ask(rng, self.config.batch), self.model.device
        now, goal = self._first_view(asked.here), self._first_view(asked.goals)
        things = np.stack([asked.first, asked.second], axis=1)
        known = np.stack([np.ones_like(asked.known), asked.known], axis=1)
        told, known = (torch.from_numpy(part).to(device) for part in (things, known))
        pose, closeup = self._poses(asked.here), self._closeup(asked.goals, rng)
        return self.learnt.proposal_loss(now, goal, pose, told, known, rng, closeup)

    def _closeup(self, frames: Index, rng: np.random.Generator) -> Closeup | None:
        """What the hand sees, from about where a picture would show it; now and then nothing."""
        cameras = self.model.config.cameras
        if HAND_CAMERA not in cameras:
            return None
        seen = self._view(frames, cameras.index(HAND_CAMERA))
        blur = rng.standard_normal((len(frames), 7)) * np.array(_HAND_BLUR)
        hands = self._poses(frames)[:, :7] + torch.from_numpy(blur).to(seen)
        known = torch.from_numpy(rng.random(len(frames)) >= _NO_CLOSEUP)
        return self.learnt.closeup(seen, hands, known.to(seen.device))

    def outcome(self, rng: np.random.Generator) -> Tensor:
        """What does a move bring about?"""
        here = rng.choice(self.found.empty, self.config.batch)
        later = self.found.outcomes(here, rng)
        moves = self.found.of_frames(here).to(self.model.device)
        now, pose, hands = self._first_view(here), self._poses(here), self._poses(later)
        return self.learnt.outcome_loss(now, pose, moves, hands, self._first_view(later))

    def executor(self, rng: np.random.Generator) -> Tensor:
        """How is it made? Roughly where to take is told: pictures tell where exactly."""
        assert self.prompt is not None
        here = self.prompt.draw(rng, self.config.chunks)
        blur = rng.standard_normal((len(here), MOVE_SIZE + 1)) * self.config.blur_m
        heights = self.found.heights_of(here)
        told = torch.cat([self.found.of_frames(here), heights[:, None]], dim=1)
        told = (told + torch.from_numpy(blur).float()).to(self.model.device)
        chunks = chunks_towards(
            self.model, self.details, here, self.found.after[self.found.next[here]]
        )
        sees = torch.from_numpy(rng.random((len(here), 1, 1)) >= self.config.blind)
        tokens, device = self.learnt.config.tokens, self.model.device
        latents = gather_tokens(self.latents, here, tokens, str(device)) * sees.to(device)
        moves, heights = told[:, :MOVE_SIZE], told[:, MOVE_SIZE]
        return self.learnt.executor_loss(latents, self._poses(here), moves, heights, chunks, rng)

    def _first_view(self, frames: Index) -> Tensor:
        return self._view(frames, 0)

    def _view(self, frames: Index, view: int) -> Tensor:
        """Details (B, P, C) of frames (B,), as the networks take them."""
        seen = gather(self.details.frames[:, view], frames)
        return self.learnt.normalised(seen.to(self.model.device))

    def _poses(self, frames: Index) -> Tensor:
        return poses_at(self.details, frames).to(self.model.device)


def _fit_moves(learnt: Moves, found: HindsightMoves) -> None:
    """Mean and deviation of moves."""
    moves = torch.from_numpy(found.moves)
    learnt.move_mean.copy_(moves.mean(dim=0))
    learnt.move_std.copy_(moves.std(dim=0, correction=0).clamp(min=_SMALLEST_SPREAD_M))


def _fit_details(learnt: Moves, details: Arrays, rng: np.random.Generator) -> None:
    """Mean and deviation of details."""
    some = gather(details.frames[:, 0], rng.choice(len(details.ends), _FITTED // 10)).float()
    std, mean = torch.std_mean(some.flatten(0, 1), dim=0)
    learnt.detail_mean.copy_(mean)
    learnt.detail_std.copy_(std.clamp(min=_SMALLEST_DETAIL))


def _fit_actions(
    learnt: Moves,
    model: WorldModel,
    found: HindsightMoves,
    arrays: Arrays,
    rng: np.random.Generator,
) -> None:
    """Mean and deviation of actions, but for the gripper's."""
    here = rng.choice(found.making, _FITTED)
    actions = chunks_towards(model, arrays, here, here + 1)[:, 0]
    learnt.action_mean[:6] = actions.mean(dim=0)[:6]
    learnt.action_std[:6] = actions.std(dim=0)[:6].clamp(min=_SMALLEST_STD)
