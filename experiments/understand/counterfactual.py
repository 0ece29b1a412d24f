"""Counterfactual ranking: which of several chunks is best, when all can be tried from one state?

CausalVQA's counterfactual and planning questions (arXiv 2506.09943), answered by running the
simulator. From a state near contact some chunks of actions are simulated. A world model, a cloned
policy and an RL agent are asked the same: give each chunk a cost. The score is the rank correlation
of minus the cost with the task's dense reward at the chunk's end; ``regret`` is what the cheapest
chunk loses. Candidates of a search resemble each other, so both count among its elites, too.
Imagination may be right on average and still believe in what must fail: ``optimism``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from experiments.understand.critic import Critic
from experiments.understand.items import Features, Item
from experiments.understand.measures import (
    Floats,
    estimate,
    losses,
    regret,
    right_of_two,
    spearman,
)
from experiments.understand.models import trained_and_random
from experiments.understand.scorers import Actor, Cloned, Imagination, Question
from worldsim.data.episode import digest

TASK, CAMERAS = "grasp", ("left", "wrist")
FEWEST_CHUNKS = 6
"""Items with fewer stable chunks are dropped."""
LEAST_SPREAD = 0.1
"""So are those on whose chunks less of the dense reward depends."""

Costs = dict[str, Floats]


def bare_env(variation: str) -> ManipulationEnv:
    """The task's environment, which draws only what it is asked for."""
    env = envs.make(TASK, cameras=CAMERAS, obs_mode="state", variation=variation).unwrapped
    assert isinstance(env, ManipulationEnv)
    return env


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
        row = {
            "policy": moment.policy,
            "chunks": stable,
            "flipped": len(chunks) - len(stable),
            **self._asked(question, moment, [chunks[name] for name in stable], kept, proposals),
        }
        states = digest(*(one.physics for one in outcomes.values()))
        row["elites"] = self._elites(question, moment, proposals, search)
        return Item(seed, digest=states, row=row)

    def _asked(
        self,
        question: Question,
        moment: Moment,
        chunks: Sequence[Chunk],
        outcomes: Sequence[Outcome],
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        """What came of the chunks, what everyone says, and what the models say of the ends."""
        self.env.set_state(moment.state)
        ends = {c: np.stack([self._end(c, one) for one in outcomes]) for c in CAMERAS}
        proprio = np.stack([one.proprio for one in outcomes])
        costs = self._costs(question, np.stack(chunks), rng)
        for name, asked in self.models.items():
            seen = asked.seen(asked.situation(question, rng), ends, proprio)
            costs |= {f"{name}: {energy}, seen": cost for energy, cost in seen.items()}
        return {**_truth(outcomes), "costs": _rounded(costs)}

    def _costs(self, question: Question, chunks: Chunk, rng: np.random.Generator) -> Costs:
        """Whom -> (K,) costs of chunks (K, H, 7)."""
        found: Costs = {}
        for name, asked in self.models.items():
            costs = asked.costs(asked.situation(question, rng), torch.from_numpy(chunks))
            found |= {f"{name}: {energy}": cost for energy, cost in costs.items()}
        found["gc-bc"] = self.cloned.costs(question, chunks, rng)
        found["sac-her, actor"] = self.actor.costs(question, chunks)
        if self.critic is not None:
            found["sac-her, Q"] = self.critic.costs(question, chunks)
        found["random"] = rng.random(len(chunks))
        return found

    def _elites(
        self,
        question: Question,
        moment: Moment,
        proposals: np.random.Generator,
        search: np.random.Generator,
    ) -> dict[str, Any] | None:
        """The last elites of the model's own search, simulated, and what everyone says of them."""
        asked = self.models["model"]
        elites = asked.elites(asked.situation(question, proposals), search)
        if elites is None:
            return None
        chunks = elites.numpy()
        outcomes = [simulate(self.env, moment.state, chunk) for chunk in chunks]
        return {**_truth(outcomes), "costs": _rounded(self._costs(question, chunks, proposals))}

    def _end(self, camera: str, outcome: Outcome) -> NDArray[np.uint8]:
        return self.env.picture(camera, state=outcome.physics[-1])

    # -- all of them ----------------------------------------------------------------------------

    def summarise(self, items: Sequence[Item], features: Features) -> dict[str, Any]:
        """Score, and what stands beside it; nothing is fitted."""
        rows = [item.row for item in items]
        names = list(rows[0]["costs"])
        scorers = {name: _measured(rows, name) for name in names}
        main = "energy" if "model: energy" in scorers else "latent"
        own, untrained = scorers[f"model: {main}"], scorers[f"random_weights: {main}"]
        score = own["spearman"]
        return {
            "score": score["value"],
            "low": score["low"],
            "high": score["high"],
            "chance": 0.0,
            "random_weights": untrained["spearman"]["value"],
            "what": f"Spearman of the {main} imagined with the dense reward simulated",
            "regret": own["regret"],
            "elite_regret": own.get("elite_regret"),
            "optimism_bias": {name: optimism(rows, name) for name in self.models},
            "scorers": scorers,
            "chunks": int(sum(len(row["value"]) for row in rows)),
            "held": round(float(np.mean(np.concatenate([row["held"] for row in rows]))), 4),
            "flipped": int(sum(row["flipped"] for row in rows)),
            "policies": dict(Counter(row["policy"] for row in rows).most_common()),
        }


def check_factual(moment: Moment, outcome: Outcome) -> None:
    """What was done, done again, must lead to the very same states.

    Raises:
        RuntimeError: it does not: nothing that is simulated then is a counterfactual.
    """
    if not np.array_equal(moment.followed, outcome.physics):
        raise RuntimeError("the factual branch did not repeat bit for bit")


def optimism(rows: Sequence[Any], model: str) -> dict[str, Any] | None:
    """How much nearer to the goal imagination is than what is seen, where a chunk fails.

    Returns:
        Control steps by which the goal head finds the imagined end nearer than the picture of the
        true one, of chunks that fail and of those that hold; and the share of failing chunks whose
        imagined end, and whose true one, the head takes for held (below the steps to go that best
        tell the true ends apart). None where there is no goal head.
    """
    if f"{model}: steps" not in rows[0]["costs"]:
        return None
    imagined, seen = (
        [np.array(row["costs"][f"{model}: {name}"]) for row in rows]
        for name in ("steps", "steps, seen")
    )
    held = [np.array(row["held"], dtype=bool) for row in rows]
    gap = [after - before for before, after in zip(imagined, seen, strict=True)]
    limit = _best_limit(np.concatenate(seen), np.concatenate(held))
    found: dict[str, Any] = {}
    for name, failing in (("failing", True), ("held", False)):
        chosen = [one != failing for one in held]
        found[f"steps_{name}"] = _mean_of(gap, chosen)
    failing_ones = [~one for one in held]
    found["taken_for_held_imagined"] = _mean_of([one < limit for one in imagined], failing_ones)
    found["taken_for_held_seen"] = _mean_of([one < limit for one in seen], failing_ones)
    return found


def _best_limit(steps: Floats, held: NDArray[np.bool_]) -> float:
    """Below which steps to go tell held from not held with the best balanced accuracy."""
    if held.all() or not held.any():
        return float(np.median(steps))
    tried = np.unique(np.quantile(steps, np.linspace(0, 1, 101)))
    right = [(steps[held] < t).mean() + (steps[~held] >= t).mean() for t in tried]
    return float(tried[int(np.argmax(right))])


def _mean_of(
    values: Sequence[NDArray[Any]], chosen: Sequence[NDArray[np.bool_]]
) -> dict[str, float] | None:
    """Mean over the chosen chunks; the interval is over items."""
    sums = np.array([[v[c].sum(), c.sum()] for v, c in zip(values, chosen, strict=True) if c.any()])
    if not len(sums):
        return None

    def mean(index: NDArray[np.int64]) -> float:
        total, count = sums[index].sum(axis=0)
        return float(total / count)

    return estimate(len(sums), mean)


def _measured(rows: Sequence[Any], name: str) -> dict[str, Any]:
    """Rank correlation, regret and right answers of one scorer; the latter two of elites, too."""
    pairs = [(np.array(row["value"]), np.array(row["costs"][name])) for row in rows]
    ranks = np.array([spearman(value, -cost) for value, cost in pairs])
    answers = [np.array(row["held"], dtype=bool) for row in rows]
    right = np.array(
        [
            right_of_two(held, cost)
            for held, (_, cost) in zip(answers, pairs, strict=True)
            if held.any() and not held.all()
        ]
    )
    found: dict[str, Any] = {
        "spearman": estimate(len(ranks), lambda index: float(ranks[index].mean())),
        "regret": _regret(pairs),
    }
    if len(right):
        found["right_of_two"] = estimate(len(right), lambda index: float(right[index].mean()))
        found["right_of_two"]["n"] = len(right)
    elites = [row["elites"] for row in rows if row["elites"]]
    if elites and name in elites[0]["costs"]:
        found["elite_regret"] = _regret(
            [(np.array(one["value"]), np.array(one["costs"][name])) for one in elites]
        )
    return found


def _regret(pairs: Sequence[tuple[Floats, Floats]]) -> dict[str, float]:
    lost = np.array([losses(value, cost) for value, cost in pairs])
    return estimate(len(lost), lambda index: regret(lost[index]))


def _truth(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "value": [round(one.value, 5) for one in outcomes],
        "held": [one.held for one in outcomes],
    }


def _rounded(costs: Costs) -> dict[str, list[float]]:
    return {name: [round(float(c), 6) for c in cost] for name, cost in costs.items()}
