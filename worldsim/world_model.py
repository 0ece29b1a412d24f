"""WorldModel = encoder + action-conditioned predictor: encode, predict, roll out.

Frames in, layer-normed patch latents out; actions in, next latents out. Several cameras are one
tall picture: their patch grids are stacked, so the same predictor takes one view or two. Beside
encoder and predictor there are a proprioceptive read-out and a goal head (``worldsim.heads``).

Shapes: B batch, T time steps, N = V * rows * columns tokens of V views, D latent width,
S candidates, H horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from worldsim import poses
from worldsim.context import Context
from worldsim.details import detailed
from worldsim.encoders import EncoderReference, FrameEncoder, leave_out_encoder
from worldsim.errors import UserError
from worldsim.flow import GUIDANCE, FlowConfig, FlowHead
from worldsim.heads import GoalHead, TokenReader
from worldsim.moves import Moves, MovesConfig
from worldsim.pixels import stacked
from worldsim.states import STATE_SIZE, encode_state
from worldsim.vjepa2 import ACPredictor, ACPredictorConfig, EncoderConfig
from worldsim.vjepa2.official import new_module

_SHARPER = 4.0  # a gap of 5 cm becomes an input of one


@dataclass(frozen=True)
class WorldModelConfig:
    """Everything needed to rebuild a model before its weights are loaded.

    Attributes:
        recipe: how it was trained ("joint", "two-stage", "official"); results are credited to it.
        cameras: views it was trained on, in the order their grids are stacked. It also takes any
            leading part of them.
        encoder: sizes of an encoder that is saved with the model, or where a frozen one lies.
        predictor: action-conditioned predictor.
        action_scale: (7,) physical size of an action of 1.
        context_frames: most frames a plan may look back on (never more than in training).
        chunk: actions the goal head proposes.
        max_steps: temporal distances are capped here.
        heads: whether there are a read-out and a goal head; released models have neither.
        flow: whether there is a flow head, too, whose proposals take the place of the goal head's.
        guidance: of a flow head: 1 clones, more seeks the goal.
        pairs: whether a flow head reads pictures pair by pair, too, see ``worldsim.pairs``.
        draws: chunks that a flow head draws, of which the most typical is proposed.
        moves: whether it knows moves, too, see ``worldsim.moves``.
        starts: where training episodes began: the least and the most x, y, z (m) and yaw (rad) of
            the hand in the middle nine tenths of them.
        one_step_error: mean absolute error of a latent predicted one step ahead, in training.
    """

    recipe: str
    cameras: tuple[str, ...]
    encoder: EncoderConfig | EncoderReference
    predictor: ACPredictorConfig
    action_scale: tuple[float, ...] = (0.075, 0.075, 0.075, 0.15, 0.15, 0.15, 1.0)
    context_frames: int = 2
    chunk: int = 4
    max_steps: int = 40
    heads: bool = True
    flow: bool = False
    guidance: float = GUIDANCE
    pairs: bool = False
    draws: int = 1
    moves: bool = False
    starts: tuple[tuple[float, ...], ...] | None = None
    one_step_error: float | None = None
    versions: dict[str, str] = field(default_factory=dict)


class WorldModel(nn.Module):
    """Encoder, action-conditioned predictor and heads behind one interface.

    Args:
        config: sizes.
        encoder: to see through; by default one of ``config.encoder``, untrained where the
            configuration holds sizes.

    Raises:
        ValueError: the predictor does not fit the encoder.
        CheckpointError: the encoder referred to is not there, or another one.
    """

    encoder: FrameEncoder
    action_scale: Tensor

    def __init__(self, config: WorldModelConfig, encoder: FrameEncoder | None = None) -> None:
        super().__init__()
        self.config = config
        if encoder is None:
            given = config.encoder
            encoder = given.open() if isinstance(given, EncoderReference) else new_module(given)
        self.encoder = encoder
        self._check_fit()
        self.predictor = ACPredictor(config.predictor)
        if config.heads:
            tokens = self.tokens(len(config.cameras))
            self.readout = TokenReader(encoder.width, tokens, STATE_SIZE)
            self.goal_head = self.new_goal_head()
        if config.flow:
            self.flow_head = self.new_flow_head()
        if config.moves:
            self.moves = self.new_moves()
        self.register_buffer("action_scale", torch.tensor(config.action_scale), persistent=False)
        if isinstance(config.encoder, EncoderReference):
            leave_out_encoder(self)

    def _check_fit(self) -> None:
        (rows, columns), cfg = self.encoder.grid, self.config.predictor
        grid = (rows * len(self.config.cameras), columns)
        if (cfg.grid, cfg.embed_dim) != (grid, self.encoder.width):
            raise UserError(
                f"a predictor for {cfg.grid} patches of width {cfg.embed_dim} does not fit its "
                f"encoder's {grid} of width {self.encoder.width}"
            )

    def new_goal_head(self) -> GoalHead:
        """An untrained goal head for this model's latents; ``propose`` says what it is given."""
        cfg = self.config
        tokens, extra = self.tokens(len(cfg.cameras)), 2 * STATE_SIZE + 1
        return GoalHead(self.encoder.width, tokens, extra, cfg.chunk, cfg.max_steps)

    def new_flow_head(self, pairs: bool | None = None) -> FlowHead:
        """An untrained flow head for this model's latents.

        Args:
            pairs: whether it reads pictures pair by pair, too; default: as the model's own does.
        """
        cfg, encoder = self.config, self.encoder
        extra, pairs = 2 * STATE_SIZE + 1, cfg.pairs if pairs is None else pairs
        views = len(cfg.cameras)
        return FlowHead(
            FlowConfig(encoder.width, encoder.grid, views, extra, cfg.chunk, pairs=pairs)
        )

    def new_moves(self) -> Moves:
        """Untrained networks of moves for what this model's encoder sees.

        Raises:
            UserError: it sees no details.
        """
        rows, columns, detail = detailed(self.encoder).details_size
        dim, tokens = self.encoder.width, self.tokens(len(self.config.cameras))
        return Moves(MovesConfig(detail, (rows, columns), dim, tokens, self.config.chunk))

    @property
    def device(self) -> torch.device:
        """Where it computes: what it is given is moved there."""
        return self.action_scale.device

    @property
    def image_size(self) -> int:
        """Pixels per side that the encoder sees."""
        return self.encoder.size

    def tokens(self, views: int) -> int:
        """Patch tokens of so many views."""
        rows, columns = self.encoder.grid
        return views * rows * columns

    # -- frames to latents ----------------------------------------------------------------------

    def encode(self, images: Mapping[str, NDArray[np.uint8] | Tensor]) -> Tensor:
        """Frames to layer-normed latents.

        Args:
            images: camera -> (B, H, W, 3) uint8; cameras the model does not know are ignored.

        Returns:
            (B, N, D) latents, views stacked in the model's order.

        Raises:
            ValueError: when none of the model's cameras is given, or a frame has a wrong shape.
        """
        if not isinstance(images, Mapping):
            raise UserError(f"frames by camera are needed, not {type(images).__name__}")
        views = [camera for camera in self.config.cameras if camera in images]
        if not views or views != list(self.config.cameras[: len(views)]):
            allowed = " or ".join(
                ",".join(self.config.cameras[: n + 1]) for n in range(len(self.config.cameras))
            )
            raise UserError(f"cameras {','.join(images)} given: this model takes {allowed}")
        return self.encode_frames(stacked([images[camera] for camera in views]))

    def encode_frames(self, frames: Tensor) -> Tensor:
        """(B, V, H, W, 3) uint8 -> (B, N, D): each view of each frame is encoded alone."""
        tokens = self.encoder.encode(frames.to(self.device).flatten(0, 1))  # (B V, P, D)
        return self.normalise(tokens.unflatten(0, frames.shape[:2]).flatten(1, 2))

    @staticmethod
    def normalise(tokens: Tensor) -> Tensor:
        """Layer norm without affine, as V-JEPA 2-AC does to features and predictions alike."""
        return F.layer_norm(tokens.float(), tokens.shape[-1:])

    # -- latents to latents ---------------------------------------------------------------------

    def predict(self, latents: Tensor, actions: Tensor, proprio: Tensor) -> Tensor:
        """Teacher-forced prediction of each next step.

        Args:
            latents: (B, T, N, D).
            actions: (B, T, 7) relative actions in physical units.
            proprio: (B, T, 7) achieved poses.

        Returns:
            (B, T, N, D): entry t is the prediction of step t + 1.
        """
        steps = latents.shape[1]
        predicted = self.predictor(
            latents.flatten(1, 2), self._actions(actions), self._states(proprio)
        )
        return self.normalise(predicted.unflatten(1, (steps, -1)))

    def rollout(self, context: Context, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Imagine what candidate actions lead to.

        The gripper is taken to reach its commanded pose; how far its fingers can close is read
        from the imagined latents, which know of the object between them (without a read-out they
        are taken to close as commanded, as V-JEPA 2-AC does).

        Args:
            context: T frames.
            actions: (S, H, 7) in [-1, 1].

        Returns:
            latents (S, H, N, D) and states (S, H, 7) after each action.
        """
        horizon = actions.shape[1]
        device = self.device
        targets, relative = self.commands(context, actions)
        past = context.latents[:-1].to(device)  # (T - 1, N, D): shared by all candidates
        proprio = torch.as_tensor(context.proprio, dtype=torch.float32, device=device)
        done = torch.as_tensor(context.actions, dtype=torch.float32, device=device)
        cache = self.predictor.prefill(
            past.flatten(0, 1)[None],
            self._actions(done)[None],
            self._states(proprio[:-1])[None],
        )
        latent, state = context.latents[-1:].to(device), proprio[-1:]
        imagined, reached = [], []
        for step in range(horizon):
            action = relative[:, step].clone()
            if step > 0:
                # Closedness still to close is counted from what the fingers achieved.
                action[:, 6] = targets[:, step, 6] - state[:, 6]
            predicted, cache = self.predictor.step(
                cache,
                latent,
                self._actions(action),
                self._states(state),
                keep=step + 1 < horizon,
            )
            latent = self.normalise(predicted)  # (S, N, D)
            state = targets[:, step].clone()
            if self.config.heads:
                state[:, 6] = self.read_out(latent)[:, 9].clamp(0.0, 1.0)
            imagined.append(latent)
            reached.append(state)
        return torch.stack(imagined, dim=1), torch.stack(reached, dim=1)

    # Released predictors take metres and radians as they are.

    def _states(self, proprio: Tensor) -> Tensor:
        """Poses (..., 7) as the predictor knows them."""
        return encode_state(proprio) if self.config.predictor.state_dim == STATE_SIZE else proprio

    def _actions(self, actions: Tensor) -> Tensor:
        """Relative actions (..., 7) in physical units as the predictor knows them."""
        ours = self.config.predictor.state_dim == STATE_SIZE
        return actions / self.action_scale if ours else actions

    def commands(self, context: Context, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Commanded poses (S, H, 7) and relative actions (S, H, 7) of candidate actions.

        Poses are those the controller will have: kept to its limits, where they are known. Both
        lie on the model's device and are functions of the actions that can be differentiated.
        """
        device = self.device
        now, target = (
            torch.as_tensor(pose, dtype=torch.float32, device=device)
            for pose in (context.proprio[-1], context.target)
        )
        targets, relative = [], []
        with torch.autocast(device.type, enabled=False):  # poses need all their digits
            for command in (actions.to(device) * self.action_scale).unbind(1):  # (S, 7)
                target = poses.compose(target, command)
                if context.limits is not None:
                    target = context.limits.clip(target)
                relative.append(poses.difference(now, target))
                targets.append(target)
                now = target
        return torch.stack(targets, dim=1), torch.stack(relative, dim=1)

    # -- heads ----------------------------------------------------------------------------------

    def read_out(self, latents: Tensor) -> Tensor:
        """(B, N, D) -> (B, 10) encoded proprioception (``worldsim.states``).

        Raises:
            ValueError: this model has no heads.
        """
        self._check_heads()
        out: Tensor = self.readout(latents)
        return out

    def propose(
        self, latents: Tensor, goal: Tensor, proprio: Tensor, target_closedness: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Action chunk (B, H, 7) in [-1, 1] and steps to go (B,), from the goal head."""
        state = self.goal_state(latents, goal, proprio, target_closedness)
        actions, steps = self.goal_head(latents, goal, state)
        return actions, steps

    def goal_state(
        self, latents: Tensor, goal: Tensor, proprio: Tensor, target_closedness: Tensor
    ) -> Tensor:
        """What a head is told beside latents (B, 21): pose, commanded closedness, gap to the goal.

        The gap is read from both pictures: what a perceptron would take longest to find out.
        """
        self._check_heads()
        # Training must not move the read-out; a plan's gradient goes through it.
        with torch.set_grad_enabled(latents.requires_grad and not self.training):
            gap = _SHARPER * (self.read_out(goal) - self.read_out(latents))  # (B, 10)
        return torch.cat([encode_state(proprio), target_closedness[:, None], gap], dim=-1)

    def steps_to_go(self, latents: Tensor, goal: Tensor, proprio: Tensor) -> Tensor:
        """Control steps (B,) from imagined latents (B, N, D) to one goal (N, D)."""
        return self.propose(latents, goal.expand_as(latents), proprio, proprio[:, 6])[1]

    def _check_heads(self) -> None:
        if not self.config.heads:
            raise UserError(
                f"a model of the recipe {self.config.recipe!r} has no read-out and no goal head: "
                "plan with the latent distance alone (planner vjepa2-ac)"
            )
