"""Train the world model: joint latents, stage 2 on the frozen encoder, then the goal head anew.

    worldsim train world-model --data data/default --out runs/tiny
    worldsim train world-model --encoder runs/encoder --out runs/two-stage
    worldsim train world-model --start diverse --data data/mine --out runs/mine

With ``--encoder`` the joint part is left out and that encoder is frozen: what ``worldsim train
encoder`` learnt, V-JEPA 2 or 2.1, DINOv2 or DINOv3, or one's own (docs/add-an-encoder.md). The
model's recipe is then called "two-stage", otherwise "joint". Ours is saved with the model; somebody
else's is referred to, and its latents are kept in a file of the run's folder.

With ``--start`` the training goes on from the weights of a whole world model, whose sizes it keeps,
on other data or with finer pictures (``--image-size 128`` after 64). A part of 0 steps is then left
as it is; docs/compose.md teaches a model moves so.

The same command resumes; finished parts are not run again. The result is a folder that
``worldsim evaluate --model FOLDER`` and ``worldsim.load_world_model`` take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worldsim.training.options import (
    FlowHeadConfig,
    GoalHeadConfig,
    JointConfig,
    MovesTraining,
    PosttrainConfig,
)


@dataclass(frozen=True)
class WorldModelTraining:
    """Options of ``worldsim train world-model``; the defaults rebuild the shipped ``tiny``.

    Attributes:
        data: folder that ``worldsim collect`` wrote.
        share: of its episodes that are learnt from, the first ones; in (0, 1].
        policies: learn from what these (by prefix) collected, and nothing else; default: all.
        out: folder for checkpoints and the finished model.
        encoder: file, folder or package.module:Class of a trained encoder to freeze; the joint
            part is then left out, and the sizes of the encoder are its own.
        start: shipped name or folder of a world model to go on from; all sizes are then its own.
        joint_steps, posttrain_steps, goal_head_steps: length of the three parts; 0 leaves what
            ``start`` has.
        proposals_steps, outcome_steps, executor_steps: of a fourth part, the networks of
            ``worldsim.moves``; 0: what ``start`` has, or none.
        flow_head_steps: of a fifth part, a guided flow that proposes in the goal head's
            place; 0: none.
        copies: altered copies of every episode (``worldsim.training.altered``) whose latents the
            parts after the joint one learn from, too.
        joint_rate, posttrain_rate, goal_head_rate, flow_head_rate, moves_rate: their peak learning
            rates.
        image_size: pixels the encoder sees per side; by default 64, or what the encoder or model
            built on was trained on. Stored frames of any size are fitted to it.
        width, depth, heads, stem: of the encoder.
        predictor_width, predictor_depth, predictor_heads: of the predictor.
        joint, posttrain, goal_head, flow_head, moves: weights and batch sizes.
        device: cpu, cuda, ...
        threads: torch threads.
        tracker: none, tensorboard, wandb or trackio: where curves go.
        precision: "bfloat16" or "float32" matrix products: `worldsim bench train` tells which is
            faster here.
        seed: of initial weights and batches.
    """

    data: str = "data/default"
    share: float = 1.0
    policies: tuple[str, ...] = ()
    out: str = "runs/tiny"
    encoder: str | None = None
    start: str | None = None
    joint_steps: int = 7000
    posttrain_steps: int = 2000
    goal_head_steps: int = 6000
    flow_head_steps: int = 0
    proposals_steps: int = 0
    outcome_steps: int = 0
    executor_steps: int = 0
    copies: int = 0
    joint_rate: float = 1.5e-3
    posttrain_rate: float = 1e-3
    goal_head_rate: float = 1e-3
    flow_head_rate: float = 1e-3
    moves_rate: float = 2e-3
    image_size: int | None = None
    width: int = 128
    depth: int = 6
    heads: int = 4
    stem: str = "conv"
    predictor_width: int = 160
    predictor_depth: int = 4
    predictor_heads: int = 5
    joint: JointConfig = field(default_factory=JointConfig)
    posttrain: PosttrainConfig = field(default_factory=PosttrainConfig)
    goal_head: GoalHeadConfig = field(default_factory=GoalHeadConfig)
    flow_head: FlowHeadConfig = field(default_factory=FlowHeadConfig)
    moves: MovesTraining = field(default_factory=MovesTraining)
    device: str = "cpu"
    threads: int = 1
    precision: str = "bfloat16"
    tracker: str = "none"
    seed: int = 0
