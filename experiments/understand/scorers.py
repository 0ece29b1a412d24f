"""Who is asked which chunk is best: imagination, cloned policies, RL agents.

Everyone gives each chunk a cost. A policy has an opinion on what to do, not on what comes of
something else: its cost of a chunk is how far that is from what it would do, which for a policy
fitted to absolute errors is minus its log likelihood but for a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gc_bc import GcBcAgent
from agents.planner_config import AgentConfig
from agents.sb3 import SB3Agent
from envs.env import ManipulationEnv
from envs.spec import EnvSpec
from experiments.understand.branches import HORIZON, Chunk, Glimpse, Moment
from worldsim.context import Context
from worldsim.limits import Limits
from worldsim.planning.cost import LatentGoalCost, own_energies, read_goal_pose, read_proposal
from worldsim.planning.energies.energy import Energy, Futures, Situation
from worldsim.planning.energies.latent import Latent
from worldsim.planning.energies.steps import Steps
from worldsim.states import relative_action
from worldsim.world_model import WorldModel

Floats = NDArray[np.float64]
Images = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Question:
    """What is known where the chunks begin.

    Attributes:
        images: camera -> (T, H, W, 3) the last frames, oldest first.
        goal: camera -> (H, W, 3) what is to be brought about.
        before: (T,) the same steps.
        spec: of the environment.
        privileged: what an agent of tier A sees.
    """

    images: Images
    goal: Images
    before: list[Glimpse]
    spec: EnvSpec
    privileged: Mapping[str, Any]

    @classmethod
    def of(cls, env: ManipulationEnv, moment: Moment, goal: Images, frames: int) -> Question:
        """The last frames before a moment; the environment is brought to its state."""
        env.set_state(moment.state)
        last = moment.before[-frames:]
        images = images_of(env, [one.physics for one in last])
        return cls(images, goal, last, env.env_spec, env.privileged())


def images_of(
    env: ManipulationEnv, states: Sequence[NDArray[np.float64]] | NDArray[np.float64]
) -> dict[str, NDArray[np.uint8]]:
    """Camera -> (T, H, W, 3) pictures of T physics states of the present episode."""
    return {
        camera: np.stack([env.picture(camera, state=state) for state in states])
        for camera in env.env_spec.cameras
    }


def context_of(latents: Tensor, steps: Sequence[Glimpse], spec: EnvSpec) -> Context:
    """What a plan starts from, of latents (T, N, D) and the steps (T,) they were seen at."""
    proprio, target = np.stack([o.proprio for o in steps]), np.stack([o.target for o in steps])
    commands = np.array([o.command for o in steps[:-1]], dtype=np.float64).reshape(-1, 7)
    relative = relative_action(target[:-1], commands * spec.action_scale, proprio[:-1])
    limits = Limits.of(spec.workspace_low, spec.workspace_high, spec.rotation_limit)
    return Context(latents, relative, proprio, target[-1], limits)


class Imagination:
    """A world model, asked by what it imagines.

    Args:
        model: asked.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model, config = model, AgentConfig()
        self.planner, self._full = config.planner, own_energies(config.cost)
        self.energies: dict[str, tuple[Energy, ...]] = {"latent": (Latent(path=0.0),)}
        if model.config.heads:
            # Trust tells what the goal head would do, not what comes of something else.
            self.energies["energy"] = own_energies(replace(config.cost, trust=0.0))
            self.energies["steps"] = (Steps(1.0),)

    @torch.inference_mode()
    def situation(self, question: Question, rng: np.random.Generator) -> Situation:
        """What the planner would start from."""
        model = self.model
        context = context_of(model.encode(question.images), question.before, question.spec)
        goal = model.encode({c: picture[None] for c, picture in question.goal.items()})[0]
        if not model.config.heads:
            return Situation(model, context, goal)
        now = context.latents[-1]
        pose = read_goal_pose(model, now, goal, context.proprio[-1])
        chunk, steps = self._proposed(now[None], goal[None], context, rng)
        return Situation(model, context, goal, pose, chunk, steps)

    def costs(self, situation: Situation, chunks: Tensor) -> dict[str, Floats]:
        """Name of an energy -> costs (K,) of chunks (K, H, 7)."""
        with torch.inference_mode():
            futures = Futures(chunks, *self.model.rollout(situation.context, chunks))
            found = {
                name: torch.stack([energy(futures, situation) for energy in energies]).sum(0)
                for name, energies in self.energies.items()
            }
            if situation.proposal is not None:
                found["proposal"] = (chunks - situation.proposal).abs().mean(dim=(1, 2))
        return {name: cost.double().numpy() for name, cost in found.items()}

    def seen(self, situation: Situation, ends: Images, proprio: Floats) -> dict[str, Floats]:
        """The same costs of pictures (K, ...) and poses (K, 7) that chunks really ended in."""
        with torch.inference_mode():
            latents = self.model.encode(ends)[:, None]
            states = torch.as_tensor(proprio, dtype=torch.float32)[:, None]
            futures = Futures(states, latents, states)
            names = [name for name in ("latent", "steps") if name in self.energies]
            costs = {name: self.energies[name][0](futures, situation) for name in names}
        return {name: cost.double().numpy() for name, cost in costs.items()}

    def elites(self, situation: Situation, rng: np.random.Generator) -> Tensor | None:
        """(E, H, 7) the last elites of the agent's own search; None for a model without heads."""
        if situation.proposal is None:
            return None
        cost = _Watched(LatentGoalCost(situation, self._full))
        self.planner.plan(cost, rng, situation.proposal)
        order = cost.costs.argsort(stable=True)
        return cost.candidates[order[: getattr(self.planner, "elites", len(order))]]

    def _proposed(
        self, now: Tensor, goal: Tensor, context: Context, rng: np.random.Generator
    ) -> tuple[Tensor, float]:
        """What the heads would do: a chunk (H, 7), and steps to go."""
        model = self.model
        pose, closedness = (
            torch.as_tensor(numbers, dtype=torch.float32)
            for numbers in (context.proprio[-1:], context.target[6:7])
        )
        state = model.goal_state(now, goal, pose, closedness)
        chunk, steps = read_proposal(model, now, goal, state, rng)
        return chunk[0, :HORIZON], float(steps[0])


class _Watched:
    """A cost that keeps what it was asked last."""

    def __init__(self, cost: LatentGoalCost) -> None:
        self._cost = cost

    def __call__(self, actions: Tensor) -> Tensor:
        """(S, H, 7) -> (S,)."""
        self.candidates, self.costs = actions, self._cost(actions)
        return self.costs


class Cloned:
    """gc-bc: how far a chunk is from the one it proposes."""

    def __init__(self, agent: GcBcAgent) -> None:
        self._agent = agent

    @torch.inference_mode()
    def costs(self, question: Question, chunks: Chunk, rng: np.random.Generator) -> Floats:
        """(K,)."""
        model = self._agent.model
        now = model.encode({c: frames[-1:] for c, frames in question.images.items()})[0]
        goal = model.encode({c: picture[None] for c, picture in question.goal.items()})[0]
        last = question.before[-1]
        wanted = self._agent.chunk(now, goal, last.proprio, last.target, rng)
        cost: Floats = np.abs(chunks - wanted[:HORIZON]).mean(axis=(1, 2))
        return cost


class Actor:
    """An RL actor of tier A: how far the first action is from its own, where it acts at all."""

    def __init__(self, agent: SB3Agent, dims: tuple[int, ...]) -> None:
        self._agent, self._dims = agent, list(dims)

    def costs(self, question: Question, chunks: Chunk) -> Floats:
        """(K,)."""
        wanted = self._agent.decide(question.privileged)
        cost: Floats = np.abs(chunks[:, 0] - wanted)[:, self._dims].mean(axis=1)
        return cost
