"""What will be going on in one second? What is seen, with and without what is imagined.

The counterpart of action anticipation on Epic-Kitchens-100 in V-JEPA 2 (arXiv 2506.09985). An
explorer with bursts of noise and aborts acts, and pauses at random, so that the clock tells
nothing. One second on, the simulator says which skill is going on, whether a finger touches the
object, and whether the task was solved meanwhile. A ridge probe reads the present latents and the
commands of that second, and then the latents that the predictor imagines as well: an
action-conditioned model is asked about given actions, so every baseline is told them, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from envs.env import ManipulationEnv
from envs.errors import PhysicsError
from envs.explorers import make_explorer
from experiments.options.understand import UnderstandConfig
from experiments.understand.branches import HORIZON, Glimpse, glimpse
from experiments.understand.counterfactual import CAMERAS, bare_env
from experiments.understand.items import Features, Item
from experiments.understand.measures import Floats
from experiments.understand.models import trained_and_random
from experiments.understand.probing import Floats as Block
from experiments.understand.probing import Guesses, difference, guesses, small_grey
from experiments.understand.scorers import context_of, images_of
from worldsim.data.episode import digest
from worldsim.probes import held_out_frames
from worldsim.world_model import WorldModel

SKILLS = ("approach", "retreat", "wait", "touch", "grip", "lift", "lower", "carry")
QUESTIONS = ("skill", "contact", "success")
_LEAST_M = 0.005
_PAUSES, _LONGEST_PAUSE = 0.1, 4


@dataclass(frozen=True)
class Now:
    """What the simulator knows of an instant.

    Attributes:
        tool, place: (3,) tool and object centre, m.
        clearance: of the object, m.
        fingers: how many touch it.
        solved: whether the task is.
    """

    tool: Floats
    place: Floats
    clearance: float
    fingers: int
    solved: bool

    @classmethod
    def of(cls, env: ManipulationEnv) -> Now:
        """The present one."""
        scene = env.scene
        touching = int(scene.finger_contacts().sum())
        place, tool = scene.object_position().copy(), scene.tool_position().copy()
        return cls(tool, place, scene.clearance(), touching, env.success())


def skill(before: Now, now: Now) -> str:
    """Which of ``SKILLS`` goes on between two instants a control step apart."""
    if now.fingers == 2:
        risen = now.clearance - before.clearance
        if max(now.clearance, before.clearance) < _LEAST_M:
            return "grip"
        return "lift" if risen > _LEAST_M else "lower" if risen < -_LEAST_M else "carry"
    if now.fingers == 1:
        return "touch"
    after, ahead = (float(np.linalg.norm(one.tool - one.place)) for one in (now, before))
    if abs(after - ahead) < _LEAST_M:
        return "wait"
    return "approach" if after < ahead else "retreat"


class Anticipate:
    """The suite.

    Args:
        config: its options.
    """

    def __init__(self, config: UnderstandConfig) -> None:
        self.env = bare_env(config.variation)
        self.models = trained_and_random(config.model)
        self.frames = self.models["model"].config.context_frames

    def item(self, seed: int) -> Item:
        """One instant of an explorer's episode, and what is going on one second later."""
        rng = np.random.default_rng([seed, HORIZON])
        try:
            seen, known = watch(self.env, seed, rng)
        except PhysicsError:
            return Item(seed, "the simulation diverged")
        # The present skill needs the step before; where all is over there is nothing to foresee.
        unsolved = sum(not one.solved for one in known)
        last = min(unsolved, len(known) - HORIZON)
        if last < 2:
            return Item(seed, "too short")
        step = int(rng.integers(1, last))
        then, now = known[step + HORIZON], known[step]
        row = {
            "skill": skill(known[step + HORIZON - 1], then),
            "contact": then.fingers > 0,
            "success": then.solved,
            "skill_now": skill(known[step - 1], now),
            "contact_now": now.fingers > 0,
        }
        before = seen[: step + 1][-self.frames :]
        images = images_of(self.env, [one.physics for one in before])
        chunk = np.stack([one.command for one in seen[step : step + HORIZON]])
        states = digest(np.stack([one.physics for one in seen[: step + HORIZON]]))
        features = self._features(images, before, chunk)
        strip = np.concatenate(list(images[CAMERAS[0]]), axis=1)
        return Item(seed, "", states, row, features, strip)

    @torch.inference_mode()
    def _features(
        self,
        images: dict[str, NDArray[np.uint8]],
        before: list[Glimpse],
        chunk: NDArray[np.float32],
    ) -> Features:
        """What the probes read."""
        poses = np.concatenate([[one.proprio, one.target] for one in before[-1:]]).ravel()
        gap = before[-1].proprio - before[0].proprio
        found: Features = {
            "commands": chunk.ravel(),
            "proprio": np.concatenate([poses, gap]),
            "pixels": small_grey(images).ravel(),
        }
        for name, model in self.models.items():
            latents, imagined = _seen_and_imagined(model, self.env, images, before, chunk)
            found[name], found[f"{name}, imagined"] = latents, imagined
        return found

    @staticmethod
    def summarise(items: Sequence[Item], features: Features) -> dict[str, Any]:
        """Class-mean recall of the skill, and of the others, for each set of features."""
        blocks = {k: np.asarray(v, dtype=np.float32) for k, v in features.items()}
        seeds = np.array([item.seed for item in items])
        found = {name: _answers(items, blocks, seeds, name) for name in QUESTIONS}
        main = found["skill"]
        score = main["encoder and predictor"].recall()
        ahead = {n: difference(main["encoder and predictor"], one) for n, one in main.items()}
        del ahead["encoder and predictor"]
        return {
            "score": score["value"],
            "low": score["low"],
            "high": score["high"],
            "chance": round(1 / len({item.row["skill"] for item in items}), 4),
            "random_weights": main["random weights"].recall()["value"],
            "what": "class-mean recall@1 of the skill in one second, ridge probe, held-out seeds",
            "held_out": len(main["encoder"].classes),
            "ahead_of": ahead,
            "recall": {
                question: {reader: one.recall() for reader, one in readers.items()}
                for question, readers in found.items()
            },
            "recall_at_5": {reader: one.recall(among=5) for reader, one in found["skill"].items()},
            "skills": dict(Counter(item.row["skill"] for item in items).most_common()),
        }


def watch(
    env: ManipulationEnv, seed: int, rng: np.random.Generator
) -> tuple[list[Glimpse], list[Now]]:
    """Let an explorer act, with pauses: what was seen (T - 1) and what is known (T).

    Raises:
        PhysicsError: the simulation diverged.
    """
    env.reset(seed=seed)
    explorer, pause = make_explorer(env.task, rng), 0
    seen, known = list[Glimpse](), [Now.of(env)]
    for _ in range(env.task_spec.budget):
        if pause == 0 and rng.random() < _PAUSES:
            pause = int(rng.integers(1, _LONGEST_PAUSE + 1))
        action = np.zeros(7, dtype=np.float32)
        if pause == 0:
            taken = explorer.act(env.privileged())[0]
            action = np.clip(taken, -1.0, 1.0).astype(np.float32)
        pause = max(0, pause - 1)
        seen.append(glimpse(env, action))
        env.step(action)
        known.append(Now.of(env))
        if explorer.finished:
            break
    return seen, known


def _seen_and_imagined(
    model: WorldModel,
    env: ManipulationEnv,
    images: dict[str, NDArray[np.uint8]],
    before: list[Glimpse],
    chunk: NDArray[np.float32],
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Latents (T N D,) of the frames that a plan looks back on, and those imagined at its end.

    What the predictor looks back on is shown to all: one frame does not tell how things move.
    """
    context = context_of(model.encode(images), before, env.env_spec)
    imagined, _ = model.rollout(context, torch.from_numpy(chunk)[None])
    ends = context.latents, imagined[0, -1]
    now, then = (end.half().flatten().numpy() for end in ends)
    return now, then


def _answers(
    items: Sequence[Item], blocks: dict[str, Block], seeds: NDArray[np.int64], question: str
) -> dict[str, Guesses]:
    """Who reads -> guesses of one question; nothing where all answers are the same."""
    values = [item.row[question] for item in items]
    names = sorted(set(values), key=str)
    if len(names) < 2:
        return {}
    classes = np.array([names.index(value) for value in values])
    commands = blocks["commands"]
    readers = {
        "encoder and predictor": [blocks["model"], blocks["model, imagined"], commands],
        "encoder": [blocks["model"], commands],
        "random weights": [
            *(blocks["random_weights"], blocks["random_weights, imagined"]),
            commands,
        ],
        "proprio": [blocks["proprio"], commands],
        "pixels": [blocks["pixels"], commands],
        "commands": [commands],
    }
    found = {name: guesses(read, classes, seeds) for name, read in readers.items()}
    present = [item.row.get(f"{question}_now", False) for item in items]
    if set(present) <= set(names):
        stays = np.eye(len(names))[[names.index(value) for value in present]]
        held_out = held_out_frames(seeds)
        found["persistence"] = Guesses(stays[held_out], classes[held_out])
    return found
