"""The world-model agent: imagine, score against the goal picture, act, look again.

At every control step it encodes what the cameras see, lets a planner search over action sequences
whose imagined outcome is compared with the goal picture, executes the first action and replans.
Tier C: it sees pictures and the robot's own state, and learnt from offline data only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.base import Tier
from agents.budget import MadeUpEpisode
from agents.checkpoint import weights_digest
from agents.goal_value import load_value
from agents.hops import Hops
from agents.latent import Array, LatentAgent, shared_views
from agents.moves import MoveMaker
from agents.planner_config import AgentConfig, configure
from agents.threads import one_thread
from envs import EnvSpec
from envs.errors import UserError
from envs.goals import GoalSequence
from worldsim import load_world_model, poses
from worldsim.closeup import HAND_CAMERA
from worldsim.context import Context
from worldsim.encoders import encoder_digest
from worldsim.limits import Limits
from worldsim.planning.budget import fitted
from worldsim.planning.cost import Imagine, LatentGoalCost, own_energies, read_proposal
from worldsim.planning.energies.energy import Situation
from worldsim.planning.energies.value import Value
from worldsim.planning.planner import Plan, Planner, box, shift
from worldsim.surprise import Surprise
from worldsim.values import GoalValue
from worldsim.world_model import WorldModel


class WorldModelAgent(LatentAgent):
    """Plans in latent space towards a sequence of goal pictures.

    Args:
        spec: the environment's interface.
        model: a world model, or its name or path.
        config: options; or else:
        planner, search, cost, energy, advance, surprise, hops, budget_ms, counts: options by name,
            see ``configure``.
        device: to compute on; the model is moved there.
        calibrate: put pictures where the robot's own pose reads right in them, see
            ``worldsim.calibration``.
        homing: first go where training episodes began, see ``agents.homing``.
        value: folder of a goal value learnt on this model's latents (``worldsim train value``). It
            takes the place of the goal head, its distance is one more energy, and the chunks it
            recorded are tried by planners that ask for them.

    Attributes:
        counts: what the planner was fitted to by a budget, by name; None without one.

    Raises:
        ValueError: when the model does not know the environment's cameras, or lacks the heads that
            the options need; for an unknown setting; no such device; when the value is another
            encoder's.
    """

    tier = Tier.C

    def __init__(
        self,
        spec: EnvSpec,
        model: WorldModel | str = "tiny",
        config: AgentConfig | None = None,
        planner: str = "cem",
        search: Mapping[str, Any] | None = None,
        cost: Mapping[str, Any] | None = None,
        energy: str | None = None,
        advance: str | None = None,
        surprise: float | None = None,
        hops: int | None = None,
        budget_ms: float | None = None,
        counts: Mapping[str, int] | None = None,
        device: str = "cpu",
        calibrate: bool | None = None,
        homing: bool | None = None,
        value: str | Path | None = None,
    ) -> None:
        self.config = config or configure(
            planner,
            search,
            cost,
            energy,
            budget_ms,
            counts,
            advance=advance,
            surprise=surprise,
            hops=hops,
        )
        world = load_world_model(model) if isinstance(model, str) else model
        if self.config.needs_heads and not world.config.heads:
            raise UserError(
                f"a model of the recipe {world.config.recipe!r} has no read-out and no goal "
                "head: plan with planner vjepa2-ac"
            )
        views = shared_views(world, spec)
        super().__init__(spec, world, self.config.advance, views, device, calibrate, homing)
        self.value = None if value is None else _value_of(value, world, self.views)
        self._planner = self.config.planner
        if self.value is None and self._recorded:
            raise UserError("this planner chains recorded chunks: give the folder of a value")
        if self.value is None and self.config.hops:
            raise UserError("a value imagines the hops: give its folder")
        self._hops: Hops | None = None
        if self.value is not None and self.config.hops:
            self._hops = Hops(self.value, self.config.hops)
        if self.config.moves and not world.config.moves:
            raise UserError(
                "this model knows no moves: planner moves needs one that does, such as play"
            )
        self._maker: MoveMaker | None = None
        if self.config.moves:
            self._maker = MoveMaker(world, self.config.moves)
        learnt = [] if self.value is None else [self.value]
        self.weights_digest = weights_digest(world, *learnt)
        self.limits = Limits.of(spec.workspace_low, spec.workspace_high, spec.rotation_limit)
        own = [Value(found) for found in learnt]
        self._energies = (*own_energies(self.config.cost), *self.config.energies, *own)
        self._imagine: Imagine = world.rollout
        gain = self.config.surprise
        self._surprise = Surprise(world, gain) if gain else None
        self.counts = counts
        if self.config.budget_ms is not None:
            self._fit(self.config.budget_ms)

    def _fit(self, budget_ms: float) -> None:
        """Give the planner as much search as a budget has time for on this machine."""
        episode = MadeUpEpisode(self.spec, self.views)
        episode.begin(self)
        # Of one thread, processor time is what an action takes while nothing else is going on.
        clock = time.process_time if self.model.device.type == "cpu" else time.perf_counter

        def seconds(planner: Planner) -> float:
            self._planner = planner
            return episode.seconds(self, clock)

        self._planner, self.counts = fitted(self.config.planner, seconds, budget_ms / 1000.0)
        self.config = replace(self.config, planner=self._planner, budget_ms=None)
        self._begun = False  # the made-up episode is nobody's

    @one_thread()
    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode towards a sequence of goal pictures."""
        super().begin(goal, rng)
        self._index = 0
        self._mean: Tensor | None = None
        self._latents: list[Tensor] = []
        self._proprio: list[Array] = []
        self._actions: list[Array] = []
        self._diagnostics: dict[str, float | NDArray[np.float32]] = {}
        if self._surprise is not None:
            self._surprise.reset()
        if self._hops is not None:
            self._hops.reset()
        if self._maker is not None:
            self._maker.reset()

    @one_thread()
    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> Array:
        """Action (7,) in [-1, 1] for an observation."""
        action = super().decide(observation)
        self._remember_action(action)
        return action

    def diagnostics(self) -> Mapping[str, float | NDArray[np.float32]]:
        """What the last decision rested on: sub-goal, distance to it (m), energy, plan (H, 7).

        With hops also ``aim`` (N C,): components of the latents that are worked towards. With moves
        also ``move`` (6,): the one that is being made.
        """
        return dict(self._diagnostics)

    def policy(self, latent: Tensor, goal: Tensor, proprio: Array, target: Array) -> Array:
        """The first action of a plan."""
        self._context = self._look(latent, proprio, target)
        if self._index != self._subgoals.index:
            self._index, self._mean = self._subgoals.index, None
        if self._hops is not None:
            goal = self._hops.towards(latent, goal, self._rng)
        if self._maker is not None:
            hand = self._tensor(self._goal_pose(self._index, latent, proprio))
            first, index = self.views[0], self._index
            wanted = {camera: torch.as_tensor(self._wanted[camera][index]) for camera in self.views}
            then, closeup = wanted[first], wanted.get(HAND_CAMERA)
            now = torch.as_tensor(self._seen[first][0])
            self._maker.look(now, then, closeup, self._pose(), hand, self._rng)
        situation = self._situation(goal)
        plan = self._search(
            LatentGoalCost(situation, self._energies, self._imagine), situation.proposal
        )
        energy = float(plan.cost)
        if not math.isfinite(energy):
            raise UserError("no candidate has a finite energy: the model's latents are not finite")
        self._mean = shift(plan.mean)
        actions = plan.actions.cpu()
        self._diagnostics |= {"energy": energy, "plan": actions.numpy()}
        if self._maker is not None and self._maker.chain is not None:
            self._diagnostics["move"] = self._maker.chain.moves[0].cpu().numpy()
        if self._hops is not None:
            self._diagnostics["aim"] = self._hops.aim[0].cpu().numpy()
        return actions[0].double().numpy()

    @property
    def _recorded(self) -> int:
        """How many recorded chunks the planner wants to try, if it asks for any."""
        return getattr(self._planner, "recorded", 0)

    # -- inside ---------------------------------------------------------------------------------

    def _look(self, latent: Tensor, proprio: Array, target: Array) -> Context:
        """What a plan starts from."""
        keep = self.model.config.context_frames
        self._latents = [*self._latents, latent][-keep:]
        self._proprio = [*self._proprio, proprio][-keep:]
        self._actions = self._actions[-(keep - 1) :] if keep > 1 else []
        if self._surprise is not None:
            self._surprise.see(latent)
        return Context(
            torch.stack(self._latents),
            np.array(self._actions).reshape(-1, 7),
            np.stack(self._proprio),
            target,
            self.limits,
        )

    def _remember_action(self, action: Array) -> None:
        """What is executed, as the next plan looks back on it."""
        context, command = self._context, action * self.spec.action_scale
        commanded = self.limits.clip(poses.compose(context.target, command))
        self._actions.append(poses.difference(context.proprio[-1], commanded))
        if self._surprise is not None:
            self._surprise.expect(context, torch.from_numpy(action).float())

    def _situation(self, goal: Tensor) -> Situation:
        """Where from, where to, and what the heads say about it."""
        context = self._context
        latent, proprio = context.latents[-1], context.proprio[-1]
        self._diagnostics = {"goal": float(self._index)}
        pose, chunk, steps, caution = None, None, 0.0, 1.0
        if self.model.config.heads:
            read = self._goal_pose(self._index, latent, proprio)
            self._diagnostics["distance_m"] = float(np.linalg.norm(read[:3] - proprio[:3]))
            pose = self._tensor(read)
        if self.config.propose:
            chunk, steps = self._propose(latent, goal)
            self._diagnostics["steps_to_go"] = steps
        if self._surprise is not None:
            caution = self._surprise.caution
            self._diagnostics["surprise"] = self._surprise.mean
        return Situation(self.model, context, goal, pose, chunk, steps, caution)

    def _search(self, cost: LatentGoalCost, chunk: Tensor | None) -> Plan:
        """Around the proposal, if there is one; the rest of the last plan is a candidate, too."""
        if chunk is None:
            nothing = torch.zeros(self._planner.horizon, 7, device=self.model.device)
            mean = nothing if self._mean is None else self._mean
            return self._planner.plan(cost, self._rng, mean)
        tried = [] if self._mean is None else [self._mean[None]]
        if self.value is not None and self._recorded:
            rows = self._rng.integers(len(self.value.recorded), size=self._recorded)
            tried.append(self._fitted(self.value.recorded[torch.from_numpy(rows)]))
        return self._planner.plan(cost, self._rng, chunk, torch.cat(tried) if tried else None)

    def _tensor(self, numbers: Array) -> Tensor:
        """Numbers on the model's device."""
        return torch.as_tensor(numbers, dtype=torch.float32, device=self.model.device)

    def _pose(self) -> Tensor:
        """Achieved pose and commanded closedness (8,)."""
        context = self._context
        return self._tensor(np.append(context.proprio[-1], context.target[6]))

    @torch.no_grad()
    def _propose(self, latent: Tensor, goal: Tensor) -> tuple[Tensor, float]:
        """A chunk (H, 7), fitted to the planner's horizon, and steps to go."""
        now, then = latent[None], goal[None]
        proprio = self._tensor(self._context.proprio[-1:])
        closedness = self._tensor(self._context.target[6:7])
        state = self.model.goal_state(now, then, proprio, closedness)
        if self._maker is not None:
            # What trust and rules are judged by is what can be done.
            actions = box(self._maker.act(latent, self._pose(), self._rng))[None]
            steps = self.model.goal_head(now, then, state)[1]
        elif self.value is not None:
            actions, steps = self.value.act(now, then, state), self.value.steps(now, then)
        else:
            actions, steps = read_proposal(self.model, now, then, state, self._rng)
        return self._fitted(actions.float())[0], float(steps[0])

    def _fitted(self, chunks: Tensor) -> Tensor:
        """Chunks (S, H, 7) as long as the planner's horizon; their last action goes on."""
        horizon = self._planner.horizon
        repeat = chunks[:, -1:].expand(-1, max(0, horizon - chunks.shape[1]), -1)
        return torch.cat([chunks, repeat], dim=1)[:, :horizon]


def _value_of(folder: str | Path, world: WorldModel, views: tuple[str, ...]) -> GoalValue:
    """The value in a folder, if it was learnt on what the agent sees.

    Raises:
        ValueError: it was learnt on another encoder's latents, or with further cameras.
    """
    value, card = load_value(folder)
    if card["encoder"] != encoder_digest(world.encoder):
        raise UserError(
            f"the value in {folder} was trained on another encoder's latents: train it again with "
            "'worldsim train value'"
        )
    if views != world.config.cameras:
        raise UserError(f"a value needs the cameras {','.join(world.config.cameras)}")
    return value.to(world.device)
