"""A state near contact and what could be done there: chunks of actions, each simulated.

The state is one that an explorer of the training recipe came through on a seed it was not trained
on. What it did next is one of the chunks, and simulating it again must give its states bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.env import ManipulationEnv
from envs.explorers import CONTACT_RANGE_M, contact_branches, make_explorer
from envs.state import STATE

Array = NDArray[np.float64]
Chunk = NDArray[np.float32]

HORIZON = 4
"""Control steps of a chunk: one second, as far as the planner looks."""
JITTER = 0.005
"""Deviation of a chunk that is tried again, in actions: 0.4 mm a step."""
HELD_M = 0.01
"""An object is held when both fingers touch it this far above the table."""
_DISTURBED = 0.25


@dataclass(frozen=True)
class Glimpse:
    """What was seen and known at one step.

    Attributes:
        physics: simulator state, to draw it from.
        proprio, target: (7,) achieved and commanded pose.
        command: (7,) action in [-1, 1] that followed.
    """

    physics: Array
    proprio: Array
    target: Array
    command: Chunk


@dataclass(frozen=True)
class Moment:
    """A state near contact.

    Attributes:
        state: of the environment.
        policy: the explorer's name.
        before: the steps up to this one, oldest first; the last one is this.
        factual: (H, 7) what was done next.
        followed: (H, n) simulator states that came of it.
        expert: the scripted expert, as far as it had got.
    """

    state: dict[str, Any]
    policy: str
    before: list[Glimpse]
    factual: Chunk
    followed: Array
    expert: Any


@dataclass(frozen=True)
class Outcome:
    """What came of a chunk.

    Attributes:
        value: the task's dense reward at its end.
        held: whether both fingers then hold the object clear of the table.
        physics: (H, n) simulator states.
        proprio: (7,) where the gripper ended.
    """

    value: float
    held: bool
    physics: Array
    proprio: Array


def find_moment(env: ManipulationEnv, seed: int, rng: np.random.Generator) -> Moment | None:
    """Let an explorer act from a seed's start; one of the states it came through near contact.

    Returns:
        None where it never came near, or success came first.
    """
    env.reset(seed=seed)
    explorer, expert = make_explorer(env.task, rng), env.task_spec.expert()
    seen, near = list[Glimpse](), list[tuple[int, dict[str, Any], Any]]()
    for step in range(env.task_spec.budget):
        privileged = env.privileged()
        expert.act(privileged)
        distance = np.linalg.norm(privileged["observation"][STATE["tool_to_object"]])
        if distance < CONTACT_RANGE_M and not env.success():
            near.append((step, env.get_state(), deepcopy(expert)))
        action = np.clip(explorer.act(privileged)[0], -1.0, 1.0).astype(np.float32)
        seen.append(glimpse(env, action))
        env.step(action)
        if explorer.finished:
            break
    states = [*(one.physics for one in seen[1:]), env.state()]
    near = [one for one in near if one[0] + HORIZON <= len(seen)]
    if not near:
        return None
    step, state, follower = near[rng.integers(len(near))]
    rows = slice(step, step + HORIZON)
    factual = np.stack([one.command for one in seen[rows]])
    followed = np.stack(states[rows])
    return Moment(state, explorer.name, seen[: step + 1], factual, followed, follower)


def glimpse(env: ManipulationEnv, command: Chunk) -> Glimpse:
    """The present step, and the action (7,) that is about to be taken."""
    controller = env.scene.controller
    return Glimpse(
        env.state(), controller.proprio(env.scene.data), controller.target.vector(), command
    )


def simulate(env: ManipulationEnv, state: dict[str, Any], chunk: Chunk) -> Outcome:
    """What comes of a chunk (H, 7) from a state.

    Raises:
        envs.errors.PhysicsError: the simulation diverged.
    """
    env.set_state(state)
    physics, info = [], dict[str, Any]()
    for action in chunk:
        *_, info = env.step(action)
        physics.append(env.state())
    scene = env.scene
    held = bool(scene.finger_contacts().all()) and scene.clearance() > HELD_M
    value = float(sum(info["reward_terms"].values()))
    return Outcome(value, held, np.stack(physics), scene.controller.proprio(scene.data))


def chunks_of(
    env: ManipulationEnv, moment: Moment, rng: np.random.Generator
) -> Mapping[str, Chunk]:
    """Name -> (H, 7): what was done, the expert's, changes of it, and moves with the gripper."""
    expert = _expert_chunk(env, moment)
    other, late = expert.copy(), np.roll(expert, 1, axis=0)
    other[:, 6], late[0] = -other[:, 6], 0.0
    found = {"factual": moment.factual, "expert": expert, "other-grip": other, "late": late}
    for number in (1, 2):
        noise = rng.normal(0.0, _DISTURBED, expert.shape) * [1, 1, 1, 0, 0, 1, 0]
        found[f"disturbed-{number}"] = _fitting(expert + noise)
    branches = contact_branches(rng, HORIZON)
    return found | {name.removeprefix("branch-"): _fitting(chunk) for name, chunk in branches}


def jittered(chunk: Chunk, rng: np.random.Generator) -> Chunk:
    """The same chunk but for a hair's breadth."""
    return _fitting(chunk + rng.normal(0.0, JITTER, chunk.shape))


def _expert_chunk(env: ManipulationEnv, moment: Moment) -> Chunk:
    """What the expert would do from here, looking at every step."""
    env.set_state(moment.state)
    expert, actions = deepcopy(moment.expert), []
    for _ in range(HORIZON):
        actions.append(_fitting(expert.act(env.privileged())))
        env.step(actions[-1])
    return np.stack(actions)


def _fitting(actions: NDArray[np.floating[Any]]) -> Chunk:
    return np.clip(actions, -1.0, 1.0).astype(np.float32)
