"""Options of the parts of training; importing them needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from worldsim.errors import UserError


@dataclass(frozen=True)
class PretrainConfig:
    """Sizes of stage 1.

    Attributes:
        batch: clips per step; both kinds of mask are laid on each.
        frames: frames per clip, whole tubelets. Six is the length of the shortest episodes.
        ema: of the target encoder. The paper's 0.99925 is for a hundred thousand steps: after a
            few thousand most of such a target would still be its random start.
    """

    batch: int = 64
    frames: int = 6
    ema: float = 0.996

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0.0 <= self.ema < 1.0:
            raise UserError(f"a batch of at least 1 and an ema inside [0, 1) are needed: {self}")


@dataclass(frozen=True)
class JointConfig:
    """Weights and sizes of joint training.

    Attributes:
        batch: windows per step.
        frames: frames per window.
        predicted: windows of a batch the predictor is trained on; it costs more than the encoder,
            and its own training comes later.
        inverse, pose, variance, covariance, pixels, actions, steps: weights of the losses beside
            teacher forcing; the last two are the goal head's.
        single_view: share of batches with the first camera alone.
        released: share of the goals that are frames just after something was let go, see
            ``worldsim.training.releases``.
        altered: whether pictures are altered, see ``worldsim.training.altered``.
        demonstrators: policies (by prefix) whose actions are worth proposing.
    """

    batch: int = 24
    frames: int = 3
    predicted: int = 8
    inverse: float = 1.0
    pose: float = 8.0
    variance: float = 1.0
    covariance: float = 0.05
    pixels: float = 4.0
    actions: float = 1.0
    steps: float = 0.5
    single_view: float = 0.2
    released: float = 0.0
    altered: bool = False
    demonstrators: tuple[str, ...] = ("expert",)

    def __post_init__(self) -> None:
        _check_frames(self.frames, 2)


@dataclass(frozen=True)
class PosttrainConfig:
    """Sizes and weights of stage 2.

    Attributes:
        batch: windows per step.
        frames: frames per window; planning may look back on fewer, never on more.
        goals: pairs of frame and goal per step for the goal head, from demonstrations, beside the
            imagined ones. Many: the head is cheap, and starved it proposes half as well.
        pose: weight of the read-out.
        actions, steps: weights of the goal head's two outputs.
        single_view: share of batches with the first camera alone.
        released: share of the goals that are frames just after something was let go, see
            ``worldsim.training.releases``.
        demonstrators: policies (by prefix) whose actions are worth proposing.
    """

    batch: int = 40
    frames: int = 5
    goals: int = 1536
    pose: float = 1.0
    actions: float = 1.0
    steps: float = 0.5
    single_view: float = 0.3
    released: float = 0.0
    demonstrators: tuple[str, ...] = ("expert",)

    def __post_init__(self) -> None:
        _check_frames(self.frames, 3)  # two predictions in a row


@dataclass(frozen=True)
class GoalHeadConfig:
    """Sizes and weights of part 3.

    Attributes:
        batch: pairs of frame and goal per step.
        actions, steps: weights of the goal head's two outputs.
        single_view: share of batches with the first camera alone; less than half of them, and one
            camera grasps less often.
        released: share of the goals that are frames just after something was let go, see
            ``worldsim.training.releases``.
        demonstrators: policies (by prefix) whose actions are worth proposing.
    """

    batch: int = 256
    actions: float = 1.0
    steps: float = 0.5
    single_view: float = 0.5
    released: float = 0.0
    demonstrators: tuple[str, ...] = ("expert",)


@dataclass(frozen=True)
class FlowHeadConfig:
    """Options of a flow head's training.

    Attributes:
        batch: pairs of frame and goal per step.
        goal_free: share of them whose goal is hidden, for guidance.
        guidance: that it acts with: 1 clones, more seeks the goal.
        pairs: whether it reads pictures pair by pair, too, see ``worldsim.pairs``.
        draws: chunks that it draws when it acts, of which it takes the most typical.
        single_view: share of batches with the first camera alone.
        released: share of the goals that are frames just after something was let go, see
            ``worldsim.training.releases``.
        demonstrators: policies (by prefix) whose actions are imitated.
    """

    batch: int = 256
    goal_free: float = 0.1
    guidance: float = 1.5
    pairs: bool = False
    draws: int = 1
    single_view: float = 0.3
    released: float = 0.0
    demonstrators: tuple[str, ...] = ("expert",)


@dataclass(frozen=True)
class MovesTraining:
    """Options of the training of moves.

    Attributes:
        batch: pairs of frames per step, of proposals and outcome.
        chunks: per step, of the executor.
        blur_m: deviation of the places that the executor is told, m, as proposals err.
        blind: share of the examples in which the executor sees nothing: what is told counts more.
        demonstrators: policies (by prefix) whose moves are learnt.
    """

    batch: int = 64
    chunks: int = 256
    blur_m: float = 0.007
    blind: float = 0.3
    demonstrators: tuple[str, ...] = ("free-play",)


def _check_frames(frames: int, least: int) -> None:
    if frames < least:
        raise UserError(f"windows of {frames} frames: at least {least} are needed")
