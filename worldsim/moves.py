"""Moves: where fingers close, and where they open again. A world model at that time scale.

Three small networks on frozen latents, learnt from play alone (``worldsim.training.moves``):

- ``proposals``: which moves lead from one picture to another (``worldsim.proposals``);
- ``outcome``: the latents after a move, imagined at once and not control step by control step
  (``worldsim.outcome``);
- ``executor``: chunks of actions that make a move, a flow.

Proposals and outcomes are about the first camera's view alone, which sees where things stand.

A move is where the tool centre is when the fingers close, and when they open: x, y, z of both in
metres in the robot-base frame, as in Transporter Networks (arXiv 2010.14406). The robot's own state
tells both, in recorded play and while acting.

Shapes: B batch, N patch tokens, D latent width, H actions of a chunk, K moves drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim.flow import Residual, Velocity, drawn, flow_error, solved
from worldsim.glance import waves, waves_of
from worldsim.grids import as_tokens
from worldsim.heads import TokenReader
from worldsim.mixture import Mixture
from worldsim.noise import normal
from worldsim.outcome import Outcome
from worldsim.proposals import PLACE, Proposals, Read
from worldsim.states import STATE_SIZE, encode_state
from worldsim.typical import most_typical_of_each

MOVE_SIZE = 6
_BLUR_M = 0.01
_SEEN_WEIGHT = 0.005
COARSE = 4
"""Rows and columns of a view that the executor tells apart."""
HELD = (0.04, 0.96)
"""Fingers told to close that stay between these closednesses have something between them."""
_OWN = STATE_SIZE + 1  # encoded pose, commanded closedness
_SHARPER = 10.0  # a gap of 10 cm becomes an input of one


@dataclass(frozen=True)
class MovesConfig:
    """Sizes.

    Attributes:
        dim: latent width D.
        grid: (rows, columns) of a view's patches.
        views: of an observation; N patch tokens in all.
        chunk: actions of a chunk, H.
        hidden, blocks: of the executor's velocity.
    """

    dim: int
    grid: tuple[int, int]
    views: int
    chunk: int
    hidden: int = 256
    blocks: int = 3


class Moves(nn.Module):
    """Proposes, imagines and makes moves.

    Moves and actions are normalised by the mean and deviation of those it was trained on.
    """

    PARTS: ClassVar = ("proposals", "outcome", "executor")

    move_mean: Tensor
    move_std: Tensor
    action_mean: Tensor
    action_std: Tensor

    def __init__(self, config: MovesConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.seen = math.prod(config.grid)
        told = _OWN + 2 * MOVE_SIZE
        self.proposals = Proposals(dim, config.grid, _OWN)
        self.outcome = Outcome(dim, config.grid, told + _OWN + PLACE + waves_of(MOVE_SIZE))
        size = 7 * config.chunk
        self.executor = nn.ModuleDict(
            {
                "reader": TokenReader(
                    dim, config.views * COARSE**2, 256, 1, told, (512,), dropout=0.1
                ),
                "velocity": Residual(256 + told + size, config.hidden, config.blocks, size),
            }
        )
        for name, count in (("move", MOVE_SIZE), ("action", 7)):
            self.register_buffer(f"{name}_mean", torch.zeros(count))
            self.register_buffer(f"{name}_std", torch.ones(count))

    # -- which moves ------------------------------------------------------------------------------

    def proposal_loss(
        self, now: Tensor, goal: Tensor, pose: Tensor, moves: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """How surprising moves (B, 6) are, nats; see ``propose``."""
        clean = (moves - self.move_mean) / self.move_std
        picks, puts = clean.split(PLACE, dim=1)
        read, knows = self._read(now, goal, pose), self.proposals
        # What is told later was drawn, and is not quite right.
        told = picks + _BLUR_M / self.move_std[:PLACE] * normal(rng, tuple(picks.shape), picks)
        surprise = _of(read.now, picks) + _of(read.goal, puts) + _of(knows.picks(read), picks)
        surprise = surprise + _of(knows.puts(read, told), puts)
        return (surprise + knows.mixed_up(read, told, puts)).mean()

    @torch.inference_mode()
    def propose(
        self, now: Tensor, goal: Tensor, pose: Tensor, rng: np.random.Generator, draws: int
    ) -> tuple[Tensor, Tensor]:
        """Moves (B, K, 6) on the way to a picture, and how surprising each is (B, K), in nats.

        Args:
            now: (B, N, D) latents of the present; those of the first view will do.
            goal: (B, N, D) latents of a picture.
            pose: (B, 8) achieved pose (7,) and commanded closedness.
            rng: of the episode.
            draws: moves of each, K.
        """
        read = self._read(now, goal, pose)
        taken = self.proposals.picks(read)
        picks = taken.sample(rng, draws)
        surprise = taken.surprise(picks).flatten()
        put = self.proposals.puts(read.repeat(draws), picks.flatten(0, 1))
        puts = put.sample(rng, 1)
        surprise = surprise + put.surprise(puts).flatten()
        moves = torch.cat([picks.flatten(0, 1), puts[:, 0]], dim=1) * self.move_std + self.move_mean
        return moves.unflatten(0, (-1, draws)), surprise.unflatten(0, (-1, draws))

    def _read(self, now: Tensor, goal: Tensor, pose: Tensor) -> Read:
        read: Read = self.proposals(now[:, : self.seen], goal[:, : self.seen], _own(pose))
        return read

    # -- what they bring about --------------------------------------------------------------------

    def imagine(self, now: Tensor, pose: Tensor, moves: Tensor, hands: Tensor) -> Tensor:
        """Layer-normed latents (B, P, D) of the first view after moves (B, 6).

        Args:
            now: (B, N, D) latents of the present, the fingers being empty.
            pose: (B, 8) as for ``propose``.
            moves: metres, robot-base frame.
            hands: (B, 8) where the hand is to be in what is imagined; its fingers are open.
        """
        away = _SHARPER * (hands[:, :PLACE] - pose[:, :PLACE])
        finely = waves((moves - self.move_mean) / self.move_std)
        told = torch.cat([_told(pose, moves), _own(hands), away, finely], dim=1)
        seen = now[:, : self.seen]
        later = seen + self.outcome(seen, told)
        return F.layer_norm(later.float(), later.shape[-1:])

    def outcome_loss(
        self, now: Tensor, pose: Tensor, moves: Tensor, hands: Tensor, later: Tensor
    ) -> Tensor:
        """L1 between imagined and later latents (B, N, D), and what the proposals make of it.

        Most of a picture is hand and table. So the proposals, as they are, are asked, too: the
        thing that was taken must be seen where it was put.
        """
        imagined = self.imagine(now, pose, moves, hands)
        picks, puts = ((moves - self.move_mean) / self.move_std).split(PLACE, dim=1)
        read = self._read(now, imagined, pose)
        surprise = _of(read.goal, puts) + _of(self.proposals.puts(read, picks), puts)
        return F.l1_loss(imagined, later[:, : self.seen]) + _SEEN_WEIGHT * surprise.mean()

    @staticmethod
    def after(pose: Tensor, moves: Tensor) -> Tensor:
        """Poses (B, 8) just after moves (B, 6): the open fingers are where they let go."""
        open_fingers = pose.new_zeros(len(pose), 1)
        return torch.cat([moves[:, 3:], pose[:, 3:6], open_fingers, open_fingers], dim=1)

    # -- making them ------------------------------------------------------------------------------

    def _coarse(self, latents: Tensor) -> Tensor:
        """Means over neighbouring tokens: (B, N, D) -> (B, V COARSE^2, D).

        A perceptron over four times as many tokens learns these episodes by heart.
        """
        grids = latents.unflatten(1, (-1, *self.config.grid)).permute(0, 1, 4, 2, 3).flatten(0, 1)
        means = as_tokens(F.adaptive_avg_pool2d(grids, COARSE))
        coarse: Tensor = means.unflatten(0, (len(latents), -1)).flatten(1, 2)
        return coarse

    def _meant(self, now: Tensor, pose: Tensor, moves: Tensor) -> Tensor:
        """What decides the next actions (B, width + told)."""
        told = _told(pose, moves)
        known = F.gelu(self.executor["reader"](self._coarse(now), extra=told))
        return torch.cat([known, told], dim=1)

    def executor_loss(
        self, now: Tensor, pose: Tensor, moves: Tensor, actions: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Mean square error of the velocity towards chunks (B, H, 7); see ``act``."""
        clean = ((actions - self.action_mean) / self.action_std).flatten(1)
        flow = _flow(self.executor["velocity"], self._meant(now, pose, moves))
        return flow_error(flow, clean, *drawn(clean, rng)).mean()

    @torch.inference_mode()
    def act(
        self, now: Tensor, pose: Tensor, moves: Tensor, rng: np.random.Generator, draws: int
    ) -> Tensor:
        """Chunks (B, H, 7) that make moves (B, 6), in units of the action scale.

        Of ``draws`` chunks the most typical; the other arguments are those of ``imagine``.
        """
        meant = self._meant(now, pose, moves).repeat_interleave(draws, dim=0)
        noise = normal(rng, (len(meant), 7 * self.config.chunk), meant)
        found = solved(_flow(self.executor["velocity"], meant), noise)
        chunks = most_typical_of_each(found, draws).unflatten(1, (-1, 7))
        actions: Tensor = chunks * self.action_std + self.action_mean
        return actions


def holds(closedness: float, commanded: float) -> bool:
    """Whether fingers that were told to close have something between them."""
    return commanded > 0.5 and HELD[0] < closedness < HELD[1]


def _flow(velocity: nn.Module, known: Tensor) -> Velocity:
    """The velocity of what is drawn, given what is known (B, C)."""
    return lambda noisy, time: velocity(torch.cat([known, noisy], dim=1), time)


def _of(mixture: Mixture, found: Tensor) -> Tensor:
    """How surprising one place of each (B, 3) is, (B,)."""
    return mixture.surprise(found[:, None])[:, 0]


def _own(pose: Tensor) -> Tensor:
    """Poses and commanded closedness (B, 8) as networks know them (B, 11)."""
    return torch.cat([encode_state(pose[:, :7]), pose[:, 7:]], dim=1)


def _told(pose: Tensor, moves: Tensor) -> Tensor:
    """The same with moves (B, 6), as places and as gaps from here (B, 23)."""
    gaps = moves - pose[:, :3].repeat(1, 2)
    return torch.cat(
        [_own(pose), _SHARPER * gaps, _SHARPER * (moves - moves.new_tensor(_MIDDLE))], 1
    )


_MIDDLE = (0.55, 0.0, 0.0) * 2  # of the table, robot-base frame
