"""What every part of a world-model agent makes of another scene, measured on the expert's run.

The expert solves each start once in the plain scene and once in the varied one; the latter is
looked at twice, as it is and in the plain look (``ManipulationEnv.plain_look``): the same states,
another picture. What a part loses to the look alone stands beside what it loses to all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from agents.subgoals import arrived
from envs.env import ManipulationEnv
from envs.errors import UserError
from envs.goals import expert_looks
from worldsim.imagination import Recording, distance, imagine
from worldsim.planning.cost import read_goal_pose
from worldsim.states import decode_state, relative_action
from worldsim.world_model import WorldModel

Array = NDArray[np.float64]
Images = dict[str, NDArray[np.uint8]]

LOOKS = ("plain scene", "plain look", "as it is")
"""What is compared: another episode, the same states drawn plainly, and what the agent sees."""

ARRIVED_OBJECT_M = 0.02


@dataclass(frozen=True)
class Truth:
    """What the expert's run was like when a goal picture was taken.

    Attributes:
        pose: (7,) achieved gripper pose.
        place: (3,) object centre, base frame.
        images: camera -> (H, W, 3) as the goal picture shows it.
        plain: the same in the plain look.
    """

    pose: Array
    place: Array
    images: Images
    plain: Images

    @classmethod
    def of(cls, env: ManipulationEnv) -> Truth:
        """The present state."""
        with env.goal_look():
            images = _pictures(env)
        with env.plain_look():
            plain = _pictures(env)
        return cls(_proprio(env), env.scene.object_position(), images, plain)

    def brought_about(self, proprio: Array, place: Array) -> bool:
        """Whether gripper (7,) and object (3,) are where the goal picture shows them."""
        near = float(np.linalg.norm(place - self.place)) < ARRIVED_OBJECT_M
        return near and arrived(self.pose, proprio)


class Watched:
    """An environment that the expert acts in, and what was seen before each of its steps."""

    def __init__(self, env: ManipulationEnv) -> None:
        self.env, self.task_spec, self.env_spec = env, env.task_spec, env.env_spec
        self.seen: list[Images] = []
        self.plain: list[Images] = []
        self.proprio: list[Array] = []
        self.target: list[Array] = []
        self.places: list[Array] = []
        self.actions: list[NDArray[np.float32]] = []

    def privileged(self) -> Mapping[str, Any]:
        """What the expert acts on."""
        return self.env.privileged()

    def success(self) -> bool:
        """Whether the task is solved."""
        return self.env.success()

    def step(self, action: Array) -> Any:
        """Note the present state, then act."""
        self.note()
        self.actions.append(np.clip(action, -1.0, 1.0).astype(np.float32))
        return self.env.step(action)

    def note(self) -> None:
        """Keep what is seen now."""
        env = self.env
        self.seen.append(_pictures(env))
        with env.plain_look():
            self.plain.append(_pictures(env))
        self.proprio.append(_proprio(env))
        self.target.append(env.scene.controller.target.vector())
        self.places.append(env.scene.object_position())

    def recording(self, model: WorldModel, frames: Sequence[Images]) -> Recording:
        """The run as a model sees it in one of its looks."""
        proprio, target = np.stack(self.proprio), np.stack(self.target)
        actions = np.stack(self.actions)
        commands = actions * self.env_spec.action_scale
        relative = relative_action(target[:-1], commands, proprio[:-1])
        return Recording(_encode(model, frames), proprio, target, actions, relative)


def compare_parts(
    model: WorldModel,
    plain: ManipulationEnv,
    varied: ManipulationEnv,
    seeds: Sequence[int],
    goal: str,
) -> dict[str, dict[str, float]]:
    """Means of ``measure`` over the starts that the expert solves in both scenes.

    Raises:
        UserError: when there is none.
    """
    each = [measure(model, plain, varied, seed, goal) for seed in tqdm(seeds, desc="parts")]
    found = [one for one in each if one is not None]
    if not found:
        raise UserError(f"the expert solves none of {len(seeds)} starts: give other seeds")
    return {
        name: {look: float(np.mean([one[name][look] for one in found])) for look in looks}
        for name, looks in found[0].items()
    }


def parts_table(parts: Mapping[str, Mapping[str, float]]) -> str:
    """A row a measure, a column a look."""
    rows = [
        f"{name:28}" + "".join(f"{values.get(look, 0.0):>13.3f}" for look in LOOKS)
        for name, values in parts.items()
    ]
    return "\n".join([" " * 28 + "".join(f"{look:>13}" for look in LOOKS), *rows])


@torch.inference_mode()
def measure(
    model: WorldModel, plain: ManipulationEnv, varied: ManipulationEnv, seed: int, goal: str
) -> dict[str, dict[str, float]] | None:
    """Measure -> look -> value, for one start.

    Args:
        model: with heads.
        plain: environment of the usual scene; it is reset and stepped.
        varied: of the other one, and the same task.
        seed: of both episodes.
        goal: protocol.

    Returns:
        None where the expert fails in one of them.
    """
    usual, other = _expert_run(plain, seed, goal), _expert_run(varied, seed, goal)
    if usual is None or other is None:
        return None
    runs = {
        "plain scene": _Run(model, *usual, plainly=False),
        "plain look": _Run(model, *other, plainly=True),
        "as it is": _Run(model, *other, plainly=False),
    }
    drawn, plainly = runs["as it is"], runs["plain look"]
    shift = float(distance(drawn.latents, plainly.latents).mean()) / plainly.change
    found = {"encoder shift, steps": {"as it is": shift}}
    for look, run in runs.items():
        for name, value in run.measures().items():
            found.setdefault(name, {})[look] = value
    return found


class _Run:
    """The expert's run in one look, part by part."""

    def __init__(
        self,
        model: WorldModel,
        watched: Watched,
        truths: Sequence[Truth],
        ends: NDArray[np.int64],
        *,
        plainly: bool,
    ) -> None:
        self.model, self.watched, self.truths, self.ends = model, watched, truths, ends
        self.recording = watched.recording(model, watched.plain if plainly else watched.seen)
        self.latents = self.recording.latents
        self.goals = _encode(model, [t.plain if plainly else t.images for t in truths])
        self.change = float(distance(self.latents[1:], self.latents[:-1]).mean())

    def measures(self) -> dict[str, float]:
        """Mean over the run's frames of each part's error."""
        rows = range(len(self.recording.actions))
        read = decode_state(self.model.read_out(self.latents)).double().numpy()
        off = np.linalg.norm(read[:, :3] - self.recording.proprio[:, :3], axis=1)
        goal = np.array([self._goal_error(row) for row in rows])
        return {
            "read-out, cm": 100 * float(off.mean()),
            "read-out of the goal, cm": 100 * float(goal[:, 0].mean()),
            "proposals, action": float(np.mean([self._proposal_error(row) for row in rows])),
            "predictor, steps": float(np.mean([self._surprise(row) for row in rows])),
            "advance rule wrong, share": float(goal[:, 1].mean()),
        }

    def _wanted(self, row: int) -> int:
        """Which goal picture the expert was on its way to."""
        return min(int(np.searchsorted(self.ends, row)), len(self.truths) - 1)

    def _goal_error(self, row: int) -> tuple[float, bool]:
        """How far the pose read from the goal picture is off, m, and whether the rule is wrong."""
        k, proprio = self._wanted(row), self.recording.proprio[row]
        truth = self.truths[k]
        read = read_goal_pose(self.model, self.latents[row], self.goals[k], proprio)
        pose = read.double().numpy()
        right = truth.brought_about(proprio, self.watched.places[row]) == arrived(pose, proprio)
        return float(np.linalg.norm(pose[:3] - truth.pose[:3])), not right

    def _proposal_error(self, row: int) -> float:
        """Mean absolute difference of the first proposed action and the expert's, in [-1, 1]."""
        actions, _ = self.model.propose(
            self.latents[row][None],
            self.goals[self._wanted(row)][None],
            torch.as_tensor(self.recording.proprio[row][None], dtype=torch.float32),
            torch.as_tensor(self.recording.target[row][6:], dtype=torch.float32),
        )
        return float(np.abs(actions[0, 0].numpy() - self.recording.actions[row]).mean())

    def _surprise(self, row: int) -> float:
        """Error of what one step was imagined to lead to, over the mean change of a step."""
        imagined = imagine(self.model, self.recording, row, 1)[0]
        return float(distance(imagined, self.latents[row + 1])) / self.change


def _expert_run(
    env: ManipulationEnv, seed: int, goal: str
) -> tuple[Watched, list[Truth], NDArray[np.int64]] | None:
    """The expert's run, its goals, and the frames (K,) at which they were brought about."""
    env.reset(seed=seed)
    watched = Watched(env)
    found = expert_looks(watched, goal, lambda: (Truth.of(env), len(watched.seen)))
    if found is None:
        return None
    watched.note()
    truths, ends = zip(*found.values(), strict=True)
    return watched, list(truths), np.array(ends)


def _encode(model: WorldModel, frames: Sequence[Images]) -> Tensor:
    """Latents (T, N, D) of what the model's own cameras see."""
    views = [camera for camera in model.config.cameras if camera in frames[0]]
    return model.encode({camera: np.stack([one[camera] for one in frames]) for camera in views})


def _pictures(env: ManipulationEnv) -> Images:
    return {camera: env.picture(camera) for camera in env.env_spec.cameras}


def _proprio(env: ManipulationEnv) -> Array:
    return env.scene.controller.proprio(env.scene.data)
