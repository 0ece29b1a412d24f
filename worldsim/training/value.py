"""A goal-conditioned value by expectile TD, and advantage-weighted chunks, on frozen latents.

The value is HIQL's (arXiv 2307.11949, 4.1), which needs no actions: -1 a step until the goal, and
of what can follow a frame the better part counts, as an expectile; it is learnt towards a slow copy
of itself. The policy imitates recorded chunks, each by the exponential of what it gained (AWR,
arXiv 1910.00177); jumps imitate what followed, each by what that gained. No demonstration is
needed: goals are frames of the data, each its own, a later one of the same episode, or any other.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from worldsim.training.batches import Arrays, gather, gather_tokens
from worldsim.training.hindsight import Index, chunks_towards
from worldsim.training.loop import LoopConfig, train
from worldsim.training.run import TrainingRun
from worldsim.values import GoalValue, ValueHeads
from worldsim.world_model import WorldModel

Mask = NDArray[np.bool_]

_FITTED_FRAMES = 400
_TRIES = 64
_LARGEST_WEIGHT = 100.0
_LEARNT = ("value", "policy", "jumps")


@dataclass(frozen=True)
class ValueTraining:
    """Options of a value's training.

    Attributes:
        batch: pairs of frame and goal per step.
        gamma: discount of a control step.
        expectile: how much more a frame's better futures count, in (0.5, 1).
        temperature: weights of chunks and jumps are exp(temperature * advantage).
        jump: control steps of a jump.
        jumped: pairs of a batch that jumps are trained on; a flow costs more than the rest.
        ema: share of the slow copy that is replaced at each step.
        own, later, again: shares of goals that are the frame itself, later ones of its episode, the
            nearer the likelier, and later ones in which the gripper is where it is now; the others
            are any frame of the data. Without ``again`` a gripper that is where the goal has it
            counts as nearly there, wherever the objects are.
    """

    batch: int = 384
    gamma: float = 0.97
    expectile: float = 0.8
    temperature: float = 1.5
    jump: int = 12
    jumped: int = 128
    ema: float = 0.005
    own: float = 0.15
    later: float = 0.35
    again: float = 0.25


@dataclass(frozen=True)
class Transitions:
    """Frames of a data set that have a next one, and goals for them.

    Attributes:
        frames: (M,) indices.
        ends: (F,) last frame of the episode of each frame.
        grippers: (F, 4) place and closedness, in units of 10 cm and 1.
    """

    frames: Index
    ends: Index
    grippers: NDArray[np.float32]

    @classmethod
    def of(cls, arrays: Arrays) -> Transitions:
        """All there are."""
        ends = arrays.ends
        grippers = arrays.proprio[:, [0, 1, 2, 6]] / np.array([0.1, 0.1, 0.1, 1.0], np.float32)
        return cls(np.flatnonzero(np.arange(len(ends)) < ends), ends, grippers)

    def sample(self, config: ValueTraining, rng: np.random.Generator) -> tuple[Index, Index, Index]:
        """Frames (B,), goals (B,), and where their ways end: at the goal, or with the episode."""
        here = rng.choice(self.frames, config.batch)
        last = self.ends[here]
        later = np.minimum(here + rng.geometric(1.0 - config.gamma, config.batch), last)
        other = rng.integers(len(self.ends), size=config.batch)
        shares = np.cumsum([config.own, config.later, config.again])
        kind = np.searchsorted(shares, rng.random(config.batch), side="right")
        goals = np.choose(kind, (here, later, self._again(here, last, rng), other))
        return here, goals, np.where((here <= goals) & (goals <= last), goals, last)

    def _again(self, here: Index, last: Index, rng: np.random.Generator) -> Index:
        """Of some frames after ``here`` (B,) the one in which the gripper is the most as it is."""
        tries = rng.integers(here + 1, last + 1, size=(_TRIES, len(here)))
        apart = np.linalg.norm(self.grippers[tries] - self.grippers[here], axis=2)
        found: Index = tries[apart.argmin(axis=0), np.arange(len(here))]
        return found


def expectile_loss(gap: Tensor, better: Tensor, expectile: float) -> Tensor:
    """Squares of ``gap`` (..., B), those of what turned out ``better`` (..., B) weighing more."""
    weight = torch.where(better, expectile, 1.0 - expectile)
    return (weight * gap.square()).mean()


def train_value(
    model: WorldModel,
    latents: Arrays,
    config: ValueTraining,
    loop: LoopConfig,
    run: TrainingRun,
    name: str = "value",
) -> tuple[GoalValue, dict[str, float]]:
    """Train a goal value and its policy anew; the model stays as it is.

    Args:
        model: its encoder made the latents, its read-out tells the gap to the goal.
        latents: what ``encode_all`` returned.
        config: options.
        loop: length, learning rate, device, seed (of the initial weights, too).
        run: where the checkpoint is kept for resume.
        name: of the training, and of its checkpoint.

    Returns:
        The value, and running means of the losses.
    """
    # In bfloat16 a value of thirty steps is known to an eighth of a step.
    loop = replace(loop, precision="float32")
    torch.manual_seed(loop.seed)
    model.to(loop.device)
    learnt = GoalValue.of(model, gamma=config.gamma, jump=config.jump)
    data = Transitions.of(latents)
    rng = np.random.default_rng(loop.seed)
    _fit(learnt, latents, rng)
    kept = rng.choice(data.frames, learnt.config.recorded)
    learnt.recorded.copy_(chunks_towards(model, latents, kept, data.ends[kept]))
    learnt.to(loop.device).train()
    slow = copy.deepcopy(learnt.value).requires_grad_(False)
    teacher = _Teacher(model, latents, learnt, slow, config)

    def losses(rng: np.random.Generator, step: int) -> dict[str, Tensor]:
        pairs = teacher.look(*data.sample(config, rng))
        with torch.no_grad():
            usual = slow(pairs.now, pairs.goal).mean(dim=0)  # (B,)
        return {
            "value": teacher.value(pairs, usual),
            "policy": teacher.policy(pairs, usual),
            "jumps": teacher.jumps(pairs.first(config.jumped), usual[: config.jumped], rng),
        }

    def follow(step: int) -> None:
        with torch.no_grad():
            for copied, own in zip(slow.parameters(), learnt.value.parameters(), strict=True):
                copied.lerp_(own, config.ema)

    modules: dict[str, nn.Module] = {
        **{name: getattr(learnt, name) for name in ("components", *_LEARNT)},
        "slow": slow,
    }
    means = train(name, modules, _LEARNT, losses, loop, run, follow)
    return learnt.eval(), means


@dataclass(frozen=True)
class _Pairs:
    """Frames and goals, seen.

    Attributes:
        here, goals, stops: (B,) rows of frames, goals and where ways end.
        seen, wanted: (B, N, D) latents of frames and goals.
        now, goal: (B, N C) components of them.
    """

    here: Index
    goals: Index
    stops: Index
    seen: Tensor
    wanted: Tensor
    now: Tensor
    goal: Tensor

    def first(self, count: int) -> _Pairs:
        """The first of them."""
        return _Pairs(*(part[:count] for part in vars(self).values()))


@dataclass(frozen=True)
class _Teacher:
    """Losses of what is learnt, by a slow copy of its values."""

    model: WorldModel
    latents: Arrays
    learnt: GoalValue
    slow: ValueHeads
    config: ValueTraining

    def look(self, here: Index, goals: Index, stops: Index) -> _Pairs:
        """Pairs of frames and goals, seen."""
        seen, wanted = self._tokens(here), self._tokens(goals)
        now, goal = self.learnt.components(seen), self.learnt.components(wanted)
        return _Pairs(here, goals, stops, seen, wanted, now, goal)

    def value(self, pairs: _Pairs, usual: Tensor) -> Tensor:
        """Values one step on, backed up; those above what is usual (B,) weigh more."""
        after = np.minimum(pairs.here + 1, pairs.stops)
        with torch.no_grad():
            aims = self._gained(pairs, after, self._components(after))
        better = aims.mean(dim=0) > usual
        guessed = self.learnt.value(pairs.now, pairs.goal)
        return expectile_loss(aims - guessed, better, self.config.expectile)

    def policy(self, pairs: _Pairs, usual: Tensor) -> Tensor:
        """Error of chunks, weighed by what those that were taken gained over what is usual (B,)."""
        here, device = pairs.here, self.model.device
        ahead = np.minimum(here + self.learnt.config.chunk, pairs.stops)
        with torch.no_grad():
            gained = self._gained(pairs, ahead, self._components(ahead))
            weights = _weights(gained, usual, self.config.temperature)
        state = self.model.goal_state(
            pairs.seen,
            pairs.wanted,
            gather(self.latents.proprio, here).to(device),
            gather(self.latents.target, here)[:, 6].to(device),
        )
        taken = chunks_towards(self.model, self.latents, here, pairs.stops)
        error = (self.learnt.chunk(pairs.now, pairs.goal, state) - taken).abs().mean(dim=(1, 2))
        return (weights * error).sum() / weights.sum()

    def jumps(self, pairs: _Pairs, usual: Tensor, rng: np.random.Generator) -> Tensor:
        """Error of guesses at where one was some steps on, weighed alike."""
        far = np.minimum(pairs.here + self.config.jump, pairs.stops)
        later = self._components(far)
        # In as many steps more is gained and lost.
        sharpness = self.config.temperature * self.learnt.config.chunk / self.config.jump
        with torch.no_grad():
            weights = _weights(self._gained(pairs, far, later), usual, sharpness)
            # Of ways to another episode's picture there is nothing to be seen.
            weights = weights * torch.from_numpy(pairs.stops == pairs.goals).to(weights.device)
        error = self.learnt.jumps.errors(pairs.now, pairs.goal, later, rng)
        return (weights * error).sum() / weights.sum().clamp(min=1e-6)

    def _gained(self, pairs: _Pairs, then: Index, components: Tensor) -> Tensor:
        """Values (HEADS, B) of going on as recorded to the frames ``then`` (B,)."""
        there = then == pairs.goals
        return _backed_up(self.slow, components, pairs.goal, then - pairs.here, there)

    def _tokens(self, rows: Index) -> Tensor:
        device = str(self.model.device)
        return gather_tokens(self.latents, rows, self.learnt.config.tokens, device)

    def _components(self, rows: Index) -> Tensor:
        components: Tensor = self.learnt.components(self._tokens(rows))
        return components


def _backed_up(slow: ValueHeads, then: Tensor, goal: Tensor, steps: Index, there: Mask) -> Tensor:
    """Values (HEADS, B) of frames from which ``steps`` (B,), at -1 each, lead to ``then``.

    Args:
        slow: the values.
        then: (B, N * components) of the frames that are led to.
        goal: (B, N * components) of the goals.
        steps: (B,) between.
        there: (B,) whether the goal is what is led to: its value is 0.
    """
    gamma = slow.gamma
    discount = torch.from_numpy(gamma**steps).float().to(then.device)
    value = slow(then, goal).masked_fill(torch.from_numpy(there).to(then.device), 0.0)
    target: Tensor = -(1.0 - discount) / (1.0 - gamma) + discount * value
    return target


def _weights(gained: Tensor, usual: Tensor, temperature: float) -> Tensor:
    """Weights (B,) of what led to values (HEADS, B), where (B,) is usual."""
    advantage = gained.mean(dim=0) - usual
    return (temperature * advantage).exp().clamp(max=_LARGEST_WEIGHT)


def _fit(learnt: GoalValue, latents: Arrays, rng: np.random.Generator) -> None:
    """Fit the components to some frames."""
    some = rng.choice(len(latents.proprio), min(_FITTED_FRAMES, len(latents.proprio)), False)
    tokens = gather_tokens(latents, np.sort(some), learnt.config.tokens, "cpu")
    learnt.components.fit(tokens.flatten(0, 1))
