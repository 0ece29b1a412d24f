"""The world-model agent: imagine, score against the goal picture, act, look again.

At every control step it encodes what the cameras see, lets a planner search over action sequences
whose imagined outcome is compared with the goal picture, executes the first action and replans.
Tier C: it sees pictures and the robot's own state, and learnt from offline data only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.base import Tier
from agents.checkpoint import weights_digest
from agents.subgoals import ADVANCE_RULES, SubGoals, arrived
from agents.threads import one_thread
from envs import EnvSpec
from envs.errors import UserError
from envs.goals import GoalSequence
from envs.spec import check_choice
from worldsim import load_world_model, poses
from worldsim.limits import Limits
from worldsim.planning.cem import CEM
from worldsim.planning.cost import CostConfig, Imagine, LatentGoalCost, read_goal_pose
from worldsim.planning.planner import WIDE, Plan, Planner, shift
from worldsim.planning.vjepa2_ac import VJEPA2AC
from worldsim.surprise import Surprise
from worldsim.world_model import Context, WorldModel

MODES = ("plan", "proposal", "servo")


# Chosen on development seeds, as are CEM's own: a narrow search around the proposal.
_ENERGY = CostConfig(latent=1.0, pose=0.2, closedness=0.1, steps=0.05, trust=0.5, near=2.0)


@dataclass(frozen=True)
class AgentConfig:
    """Options of the agent; the defaults are our planner's.

    Attributes:
        planner: the search.
        cost: the energy.
        propose: the search starts around what the goal head proposes; otherwise around the rest of
            the last plan.
        advance: when the next picture's turn comes, see ``agents.subgoals``; "arrival" is when
            the gripper is where it is read from the present picture.
        mode: "plan", or a floor: "proposal" (the goal head alone), "servo" (no imagination).
        surprise: how fast trust in the proposal grows where imagination errs more than it did in
            training, see ``worldsim.surprise``; 0: not at all.
    """

    planner: Planner = field(default_factory=CEM)
    cost: CostConfig = _ENERGY
    propose: bool = True
    advance: str = "arrival"
    mode: str = "plan"
    surprise: float = 0.0

    @property
    def needs_heads(self) -> bool:
        """Whether it reads poses from latents, or proposes actions from them."""
        cost = self.cost
        terms = cost.pose or cost.closedness or cost.steps or cost.trust or self.propose
        return bool(terms) or self.mode != "plan" or self.advance == "arrival"

    def __post_init__(self) -> None:
        for what, given, allowed in (
            ("advance", self.advance, ADVANCE_RULES),
            ("mode", self.mode, MODES),
        ):
            if given not in allowed:
                raise UserError(f"unknown {what} {given!r}: allowed are {', '.join(allowed)}")
        if self.surprise and not self.cost.trust:
            raise UserError("surprise raises the weight of trust, which must be above 0")


VJEPA2_AC = AgentConfig(VJEPA2AC(), CostConfig(), propose=False, advance="schedule")
PLANNERS = {
    "default": AgentConfig(),
    "vjepa2-ac": VJEPA2_AC,
    "search": AgentConfig(
        CEM(samples=64, elites=8, spread=WIDE), replace(_ENERGY, trust=0.0), propose=False
    ),
    **{mode: AgentConfig(mode=mode) for mode in ("proposal", "servo")},
}


Settings = TypeVar("Settings", Planner, CostConfig)


def _changed(settings: Settings, changes: Mapping[str, Any] | None) -> Settings:
    """Settings with some of them replaced; lists stand for tuples."""
    known = [one.name for one in fields(settings)]  # type: ignore[arg-type]
    for name in changes or {}:
        check_choice("planner setting", name, tuple(known))
        numbers = isinstance(getattr(settings, name), int | float)
        if numbers and not isinstance((changes or {})[name], int | float):
            raise UserError(f"{name}: a number is needed, got {(changes or {})[name]!r}")
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in (changes or {}).items()
    }
    return replace(settings, **values)  # type: ignore[type-var]


class WorldModelAgent:
    """Plans in latent space towards a sequence of goal pictures.

    Args:
        spec: the environment's interface.
        model: a world model, or its name or path.
        config: options.
        planner: one of ``PLANNERS``, in place of a config: our default, the paper's "vjepa2-ac",
            our "search" without proposals, or a floor without imagination.
        advance: overrides the config's.
        search: overrides of the search, by the planner's names (``{"samples": 64}``).
        energy: overrides of the energy, by ``CostConfig``'s names.
        surprise: overrides the config's.

    Raises:
        ValueError: when the model does not know the environment's cameras, or lacks the heads that
            the options need; for an unknown setting.
    """

    tier = Tier.C

    def __init__(
        self,
        spec: EnvSpec,
        model: WorldModel | str = "tiny",
        config: AgentConfig | None = None,
        planner: str = "default",
        advance: str | None = None,
        search: Mapping[str, Any] | None = None,
        energy: Mapping[str, Any] | None = None,
        surprise: float | None = None,
    ) -> None:
        if planner not in PLANNERS:
            raise UserError(f"unknown planner {planner!r}: allowed are {', '.join(PLANNERS)}")
        self.spec = spec
        self.model = load_world_model(model) if isinstance(model, str) else model
        self.model.eval()
        self.weights_digest = weights_digest(self.model)
        known = self.model.config.cameras
        views = tuple(camera for camera in known if camera in spec.cameras)
        if not views or views != known[: len(views)]:
            raise UserError(
                f"cameras {','.join(spec.cameras)} given: this world model needs {known[0]}"
                + (f", and may use {', '.join(known[1:])}" if len(known) > 1 else "")
            )
        self.observation_keys = (*(f"image_{c}" for c in views), "proprio", "target")
        base = config or PLANNERS[planner]
        self.config = replace(
            base,
            advance=advance or base.advance,
            planner=_changed(base.planner, search),
            cost=_changed(base.cost, energy),
            surprise=base.surprise if surprise is None else surprise,
        )
        if self.config.needs_heads and not self.model.config.heads:
            raise UserError(
                f"a model of the recipe {self.model.config.recipe!r} has no read-out and no goal "
                "head: plan with planner vjepa2-ac"
            )
        self.planner = self.config.planner
        self._views = views
        self._limits = Limits.of(spec.workspace_low, spec.workspace_high, spec.rotation_limit)
        self._imagine: Imagine = self.model.rollout
        gain = self.config.surprise
        self._surprise = Surprise(self.model, gain) if gain else None

    @one_thread()
    def reset(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode towards a sequence of goal pictures."""
        self._rng = rng
        self._goals = self._encode({c: goal.images[c] for c in self._views})  # (K, N, D)
        self._subgoals = SubGoals(goal.budgets, self.config.advance)
        self._mean: Tensor | None = None
        self._latents: list[Tensor] = []
        self._proprio: list[NDArray[np.float64]] = []
        self._actions: list[NDArray[np.float64]] = []
        self._diagnostics: dict[str, float | NDArray[np.float32]] = {}
        if self._surprise is not None:
            self._surprise.reset()

    @one_thread()
    def act(self, observation: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """Action (7,) in [-1, 1] for an observation."""
        images = {c: np.asarray(observation[f"image_{c}"])[None] for c in self._views}
        latent = self._encode(images)[0]
        proprio = np.asarray(observation["proprio"], dtype=np.float64)
        target = np.asarray(observation["target"], dtype=np.float64)
        self._remember(latent, proprio)
        context = Context(
            torch.stack(self._latents),
            np.array(self._actions).reshape(-1, 7),
            np.stack(self._proprio),
            target,
            self._limits,
        )
        index = self._advance(latent, proprio)
        if self._surprise is not None:
            self._surprise.see(latent)
        action = self._subgoals.settle(self._choose(index, context))
        if self._surprise is not None:
            self._surprise.expect(context, torch.from_numpy(action).float())
        commanded = self._limits.clip(poses.compose(target, action * self.spec.action_scale))
        self._actions.append(poses.difference(proprio, commanded))
        return action

    def diagnostics(self) -> dict[str, float | NDArray[np.float32]]:
        """What the last decision rested on: sub-goal, distance to it (m), energy, plan (H, 7)."""
        return dict(self._diagnostics)

    # -- inside ---------------------------------------------------------------------------------

    @torch.inference_mode()
    def _encode(self, images: Mapping[str, NDArray[np.generic]]) -> Tensor:
        return self.model.encode({c: np.asarray(i, dtype=np.uint8) for c, i in images.items()})

    def _remember(self, latent: Tensor, proprio: NDArray[np.float64]) -> None:
        keep = self.model.config.context_frames
        self._latents = [*self._latents, latent][-keep:]
        self._proprio = [*self._proprio, proprio][-keep:]
        self._actions = self._actions[-(keep - 1) :] if keep > 1 else []

    def _goal_pose(
        self, index: int, latent: Tensor, proprio: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """(7,) gripper pose in a goal picture; None from a model without a read-out."""
        if not self.model.config.heads:
            return None
        pose = read_goal_pose(self.model, latent, self._goals[index], proprio)
        return pose.double().numpy()

    def _arrived(self, index: int, latent: Tensor, proprio: NDArray[np.float64]) -> bool:
        """Whether the gripper is where a goal picture shows it."""
        pose = self._goal_pose(index, latent, proprio)
        assert pose is not None, "checked by __init__"
        return arrived(pose, proprio)

    def _advance(self, latent: Tensor, proprio: NDArray[np.float64]) -> int:
        """Index of the picture to bring about now."""
        before = self._subgoals.index
        index = self._subgoals.step(lambda k: self._arrived(k, latent, proprio))
        if index != before:
            self._mean = None
        return index

    def _choose(self, index: int, context: Context) -> NDArray[np.float64]:
        latent, proprio, target = context.latents[-1], context.proprio[-1], context.target
        goal, pose = self._goals[index], self._goal_pose(index, latent, proprio)
        self._diagnostics = {"goal": float(index)}
        if pose is not None:
            self._diagnostics["distance_m"] = float(np.linalg.norm(pose[:3] - proprio[:3]))
        if self.config.mode == "servo":
            assert pose is not None, "checked by __init__"
            return self._servo(pose, proprio, target)
        chunk, steps = None, 0.0
        if self.config.propose or self.config.mode == "proposal":
            chunk, steps = self._propose(latent, goal, proprio, target)
            self._diagnostics["steps_to_go"] = steps
            if self.config.mode == "proposal":
                return chunk[0].double().numpy()
        caution = 1.0
        if self._surprise is not None:
            caution = self._surprise.caution
            self._diagnostics["surprise"] = self._surprise.mean
        goal_pose = None if pose is None else torch.as_tensor(pose, dtype=torch.float32)
        cost = LatentGoalCost(
            self.model,
            context,
            goal,
            goal_pose,
            self.config.cost,
            self._imagine,
            chunk,
            steps,
            caution,
        )
        plan = self._search(cost, chunk)
        energy = float(plan.cost)
        if not math.isfinite(energy):
            raise UserError("no candidate has a finite energy: the model's latents are not finite")
        self._mean = shift(plan.mean)
        self._diagnostics |= {"energy": energy, "plan": plan.actions.numpy()}
        return plan.actions[0].double().numpy()

    def _search(self, cost: LatentGoalCost, chunk: Tensor | None) -> Plan:
        """Around the proposal, if there is one; the rest of the last plan is a candidate, too."""
        if chunk is None:
            nothing = torch.zeros(self.planner.horizon, 7)
            return self.planner.plan(cost, self._rng, nothing if self._mean is None else self._mean)
        last = None if self._mean is None else self._mean[None]
        return self.planner.plan(cost, self._rng, chunk, last)

    @torch.inference_mode()
    def _propose(
        self,
        latent: Tensor,
        goal: Tensor,
        proprio: NDArray[np.float64],
        target: NDArray[np.float64],
    ) -> tuple[Tensor, float]:
        """The goal head's chunk (H, 7), fitted to the planner's horizon, and steps to go."""
        actions, steps = self.model.propose(
            latent[None],
            goal[None],
            torch.as_tensor(proprio[None], dtype=torch.float32),
            torch.as_tensor(target[6:7], dtype=torch.float32),
        )
        chunk = actions[0].float()
        horizon = self.planner.horizon
        repeat = chunk[-1:].expand(max(0, horizon - len(chunk)), -1)
        return torch.cat([chunk, repeat])[:horizon], float(steps[0])

    def _servo(
        self,
        pose: NDArray[np.float64],
        proprio: NDArray[np.float64],
        target: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Drive the gripper to the pose read from the goal picture."""
        action = poses.difference(proprio, pose) / self.spec.action_scale
        action[6] = (pose[6] - target[6]) / self.spec.action_scale[6]
        return np.clip(action, -1.0, 1.0)
