"""Small heads on patch latents: the proprioceptive read-out, inverse dynamics and the goal head.

None ever sees the simulator's object pose. The read-out's labels are the robot's own recorded
state; those of inverse dynamics the recorded action; the goal head's are hindsight: later frames of
the same episode as goals, the number of steps between as distance, the recorded actions as
proposals.

Every head projects each token to a few numbers, lays them side by side and reads them with a
perceptron. A token's place is then its place in the vector. Attention has to learn that first:
on the same latents a three-block transformer took eighteen times as long for a worse fit.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PER_TOKEN = 32


def mlp(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Plain GELU perceptron."""
    blocks: list[nn.Module] = []
    for a, b in pairwise((inputs, *hidden)):
        blocks += [nn.Linear(a, b), nn.GELU()]
    return nn.Sequential(*blocks, nn.Linear(hidden[-1], outputs))


def filled(numbers: Tensor, width: int) -> Tensor:
    """(B, n) with zeros for what is missing, (B, width)."""
    return F.pad(numbers, (0, width - numbers.shape[1]))


class TokenReader(nn.Module):
    """A perceptron over all tokens of one or more pictures.

    Args:
        dim: latent width D of the encoder.
        tokens: largest number of patch tokens per picture; the places of missing ones are zero.
        pictures: how many are read at once.
        extra: numbers read beside them.
        outputs: width of the result.
        hidden: widths of the perceptron.
        dropout: share of the projected numbers that are dropped in training.
    """

    def __init__(
        self,
        dim: int,
        tokens: int,
        outputs: int,
        pictures: int = 1,
        extra: int = 0,
        hidden: tuple[int, ...] = (256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.room = tokens * PER_TOKEN
        self.token = nn.Linear(dim, PER_TOKEN)
        self.drop = nn.Dropout(dropout)
        self.mlp = mlp(pictures * self.room + extra, hidden, outputs)

    def forward(self, *pictures: Tensor, extra: Tensor | None = None) -> Tensor:
        """Pictures (B, N, D) and extra (B, E) -> (B, outputs)."""
        flat = [self.drop(self.token(picture)).flatten(1) for picture in pictures]
        parts = [filled(x, self.room) for x in flat]  # (B, tokens * PER_TOKEN)
        if extra is not None:
            parts.append(extra)
        out: Tensor = self.mlp(torch.cat(parts, dim=1))
        return out


class GoalHead(nn.Module):
    """What would I do, and how far is it? From latents now and latents of the goal picture.

    Outputs a chunk of actions (the proposal that seeds the planner) and the number of control
    steps to the goal (a temporal distance learnt by hindsight, the energy of far goals).

    Args:
        dim: latent width D of the encoder.
        tokens: largest number of patch tokens per observation.
        state_size: width of the encoded proprioception.
        chunk: actions proposed, H.
        max_steps: temporal distances are capped here.
    """

    def __init__(self, dim: int, tokens: int, state_size: int, chunk: int, max_steps: int) -> None:
        super().__init__()
        self.chunk, self.max_steps = chunk, max_steps
        self.reader = TokenReader(
            dim, tokens, 7 * chunk + 1, 2, state_size, hidden=(512, 256), dropout=0.1
        )

    def forward(self, now: Tensor, goal: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Propose and measure.

        Args:
            now: (B, N, D) latents of the current frame.
            goal: (B, N, D) latents of the goal picture.
            state: (B, state_size) encoded proprioception and commanded closedness.

        Returns:
            actions (B, H, 7) in [-1, 1] and steps to the goal (B,) in [0, max_steps].
        """
        out = self.reader(now, goal, extra=state)
        actions = torch.tanh(out[:, :-1]).unflatten(-1, (self.chunk, 7))
        return actions, torch.sigmoid(out[:, -1]) * self.max_steps
