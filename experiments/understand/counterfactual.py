"""Counterfactual ranking: which of several chunks is best, when all can be tried from one state?

CausalVQA's counterfactual and planning questions (arXiv 2506.09943), answered by running the
simulator. From a state near contact some chunks of actions are simulated. A world model, a cloned
policy and an RL agent are asked the same: give each chunk a cost. The score is the rank correlation
of minus the cost with the task's dense reward at the chunk's end; ``regret`` is what the cheapest
chunk loses. Candidates of a search resemble each other, so both count among its elites, too.
Imagination may be right on average and still believe in what must fail: ``optimism``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import envs
from agents.gc_bc import GcBcAgent
from agents.sb3 import SB3Agent
from envs.env import ManipulationEnv
from envs.errors import PhysicsError
from envs.goals import expert_goals
from experiments.options.understand import UnderstandConfig
from experiments.understand.branches import (
    Chunk,
    Moment,
    Outcome,
    chunks_of,
    find_moment,
    jittered,
    simulate,
)
from experiments.understand.choices import summarise
from experiments.understand.critic import Critic
from experiments.understand.items import Features, Item
from experiments.understand.measures import Floats
from experiments.understand.models import trained_and_random
from experiments.understand.scorers import (
    Actor,
    Cloned,
    Images,
    Imagination,
    Question,
    images_of,
)
from worldsim.data.episode import digest
from worldsim.planning.energies.energy import Situation

TASK, CAMERAS = "grasp", ("left", "wrist")
FEWEST_CHUNKS = 6
"""Items with fewer stable chunks are dropped."""
LEAST_SPREAD = 0.1
"""So are those on whose chunks less of the dense reward depends."""
_UNDERLINE, _GREEN = 6, (60, 180, 75)


def bare_env(variation: str, cameras: tuple[str, ...] = CAMERAS) -> ManipulationEnv:
    """The task's environment, which draws only what it is asked for."""
    env = envs.make(TASK, cameras=cameras, obs_mode="state", variation=variation).unwrapped
    assert isinstance(env, ManipulationEnv)
    return env


@dataclass(frozen=True)
class _Asked:
    """From where everyone is asked, and what the models made of it."""

    question: Question
    situations: dict[str, Situation]


class Counterfactual:
    """The suite.

    Args:
        config: its options.
    """

    def __init__(self, config: UnderstandConfig) -> None:
        self.env = env = bare_env(config.variation)
        models = trained_and_random(config.model)
        self.models = {name: Imagination(model) for name, model in models.items()}
        self.cloned = Cloned(GcBcAgent(env.env_spec))
        self.actor = Actor(SB3Agent(env.env_spec, "sac-her"), env.task_spec.action_dims)
        self.critic = None if config.critic is None else Critic(config.critic, TASK)
        self.frames = models["model"].config.context_frames

    # -- one item -------------------------------------------------------------------------------

    def item(self, seed: int) -> Item:
        """Make a seed's item, answer it, ask everyone."""
        try:
            return self._item(seed)
        except PhysicsError:
            return Item(seed, "the simulation diverged")

    def _item(self, seed: int) -> Item:
        env, streams = self.env, np.random.SeedSequence(seed).spawn(5)
        explorer, chosen, jitter, proposals, search = map(np.random.default_rng, streams)
        env.reset(seed=seed)
        goals = expert_goals(env, "final")
        moment = None if goals is None else find_moment(env, seed, explorer)
        if goals is None or moment is None:
            return Item(seed, "the expert fails" if goals is None else "never near contact")
        chunks = chunks_of(env, moment, chosen)
        outcomes = {name: simulate(env, moment.state, chunk) for name, chunk in chunks.items()}
        check_factual(moment, outcomes["factual"])
        again = {n: simulate(env, moment.state, jittered(c, jitter)) for n, c in chunks.items()}
        stable = [name for name in chunks if again[name].held == outcomes[name].held]
        kept = [outcomes[name] for name in stable]
        if len(stable) < FEWEST_CHUNKS:
            return Item(seed, "answers flip under jitter")
        if np.ptp([one.value for one in kept]) < LEAST_SPREAD:
            return Item(seed, "nothing depends on the chunk")
        goal = {camera: pictures[-1] for camera, pictures in goals.images.items()}
        question = Question.of(env, moment, goal, self.frames)
        ends = self._ends(moment, kept)
        asked = _Asked(question, self.situations(question, proposals))
        elites = self.models["model"].elites(asked.situations["model"], search)
        row: dict[str, Any] = {
            "policy": moment.policy,
            "chunks": stable,
            "flipped": len(chunks) - len(stable),
            "elites": None,
            **self._answers(asked, [chunks[name] for name in stable], kept, ends, proposals),
        }
        if elites is not None:
            tried = list(elites.numpy())
            came = [simulate(env, moment.state, chunk) for chunk in tried]
            row["elites"] = self._answers(asked, tried, came, self._ends(moment, came), proposals)
        states = digest(*(one.physics for one in outcomes.values()))
        return Item(seed, digest=states, row=row, picture=_strip(question, kept, ends))

    def situations(self, question: Question, rng: np.random.Generator) -> dict[str, Situation]:
        """What each model makes of the place where the chunks begin."""
        return {name: asked.situation(question, rng) for name, asked in self.models.items()}

    def _answers(
        self,
        asked: _Asked,
        chunks: Sequence[Chunk],
        outcomes: Sequence[Outcome],
        ends: Images,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        """What came of K chunks, and whom they would cost what."""
        proprio, together = np.stack([one.proprio for one in outcomes]), np.stack(chunks)
        costs: dict[str, Floats] = {}
        for name, model in self.models.items():
            situation = asked.situations[name]
            imagined = model.costs(situation, torch.from_numpy(together))
            seen = model.seen(situation, ends, proprio)
            costs |= {f"{name}: {energy}": cost for energy, cost in imagined.items()}
            costs |= {f"{name}: {energy}, seen": cost for energy, cost in seen.items()}
        costs["gc-bc"] = self.cloned.costs(asked.question, together, rng)
        costs["sac-her, actor"] = self.actor.costs(asked.question, together)
        if self.critic is not None:
            costs["sac-her, Q"] = self.critic.costs(asked.question, together)
        costs["random"] = rng.random(len(chunks))
        return {
            "value": [round(one.value, 5) for one in outcomes],
            "held": [one.held for one in outcomes],
            "costs": {name: [round(float(c), 6) for c in cost] for name, cost in costs.items()},
        }

    def _ends(self, moment: Moment, outcomes: Sequence[Outcome]) -> Images:
        """Camera -> (K, H, W, 3) pictures of where chunks ended."""
        self.env.set_state(moment.state)
        return images_of(self.env, [one.physics[-1] for one in outcomes])

    @staticmethod
    def summarise(items: Sequence[Item], features: Features) -> dict[str, Any]:
        """See ``experiments.understand.choices``; nothing is fitted."""
        return summarise([item.row for item in items])


def _strip(question: Question, outcomes: Sequence[Outcome], ends: Images) -> NDArray[np.uint8]:
    """Now, the goal, and the ends from best to worst, underlined where the object is held."""
    camera = CAMERAS[0]
    frames = [question.images[camera][-1], question.goal[camera]]
    for index in np.argsort([-one.value for one in outcomes], kind="stable"):
        end = ends[camera][index].copy()
        if outcomes[index].held:
            end[-_UNDERLINE:] = _GREEN
        frames.append(end)
    return np.concatenate(frames, axis=1)


def check_factual(moment: Moment, outcome: Outcome) -> None:
    """What was done, done again, must lead to the very same states.

    Raises:
        RuntimeError: it does not: nothing that is simulated then is a counterfactual.
    """
    if not np.array_equal(moment.followed, outcome.physics):
        raise RuntimeError("the factual branch did not repeat bit for bit")
