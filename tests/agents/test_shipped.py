"""What ships acts as it is known to: every agent with weights, and the floors, on every task.

Each case names demo seeds and how many of them the agent solves. Episodes repeat to the bit on one
machine; another processor rounds otherwise, so one outcome of a case may differ. An agent that
does nothing solves nothing, and fails every case but those of the floors.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

import envs
from agents import make_agent
from agents.checkpoint import SHIPPED
from envs.goals import GoalSequence, make_goals
from experiments.runs.episode import run_episode
from worldsim.checkpoint import shipped

CAMERAS = ("left", "wrist")
TASKS = ("reach", "grasp", "pick-place")
FIRST = 190_050
NO_PICTURES = GoalSequence({}, (), np.zeros(0, dtype=np.int64))
DIVERSE = {"model": "diverse", "planner": "policy"}
PLAY = {"model": "play", "planner": "policy"}
MOVES = {"model": "play", "planner": "moves"}


@dataclass(frozen=True)
class Case:
    """An agent on a task.

    Attributes:
        starts: seeds, counted from ``FIRST``.
        solves: how many of them; None: all.
        goal: protocol of the goal pictures.
    """

    agent: str
    task: str
    starts: tuple[int, ...] = (0, 1, 2)
    solves: int | None = None
    goal: str = "subgoals"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> int:
        return len(self.starts) if self.solves is None else self.solves

    def __str__(self) -> str:
        return "-".join([self.agent, self.task, *map(str, self.options.values())])


CASES = [
    Case("world-model", "reach"),
    Case("world-model", "grasp", (0, 1)),
    Case("world-model", "pick-place", (0, 1)),
    Case("world-model", "reach", (1, 2, 3), options=DIVERSE),
    Case("world-model", "grasp", options=DIVERSE),
    Case("world-model", "rearrange-1", (0, 3, 5), goal="final", options=PLAY),
    Case("world-model", "rearrange-2", (0, 5), goal="final", options=MOVES),
    Case("servo", "reach"),
    Case("servo", "grasp", solves=0),
    Case("servo", "pick-place", (16, 17, 18)),
    *(Case("gc-bc", task) for task in TASKS),
    *(Case("octo-like", task) for task in TASKS),
    Case("sac-latent", "reach"),
    Case("sac-her", "reach"),
    Case("sac-her", "grasp"),
    Case("sac-her", "pick-place", (0, 1, 3)),
    Case("tqc-her", "reach"),
    Case("tqc-her", "grasp"),
    Case("tqc-her", "pick-place", (0, 2, 4)),
    Case("ppo", "reach"),
    Case("ppo", "grasp", (0, 2, 3)),
    *(Case("expert", task, (0, 1)) for task in envs.TASKS),
    *(Case("random", task, (0, 1), solves=0) for task in envs.TASKS),
]


@cache
def goals_of(task: str, seed: int, goal: str) -> GoalSequence | None:
    """The same pictures for every agent."""
    return make_goals(task, seed, goal, cameras=CAMERAS)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_shipped_agent_solves_what_it_is_known_to_solve(case: Case) -> None:
    spec = envs.make(case.task, cameras=CAMERAS, obs_mode="state").unwrapped.env_spec
    agent = make_agent(case.agent, spec, **case.options)
    looks = "proprio" in agent.observation_keys
    env = envs.make(case.task, cameras=CAMERAS, obs_mode="pixels" if looks else "state")
    solved = 0
    for start in case.starts:
        seed = FIRST + start
        goals = goals_of(case.task, seed, case.goal) if looks else NO_PICTURES
        solved += run_episode(env, agent, seed, goals).row["success"]
    assert abs(solved - case.known) <= 1


def test_all_weights_that_ship_are_tried() -> None:
    tried = {(case.agent, case.task) for case in CASES}
    for card in SHIPPED.rglob("config.json"):
        agent, *task = card.parent.relative_to(SHIPPED).parts
        assert {(agent, name) for name in task or TASKS} <= tried
    models = {case.options.get("model", "tiny") for case in CASES if case.agent == "world-model"}
    assert models == set(shipped())


def test_every_case_but_a_floor_would_notice_an_agent_that_does_nothing() -> None:
    floors = {"servo-grasp"} | {f"random-{task}" for task in envs.TASKS}
    assert {str(case) for case in CASES if case.known < 2} == floors


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"world_model": None}, "lacks world_model"),
        ({"encoder": None}, "lacks encoder"),
        ({"world_model": [1]}, r"world_model cannot be \[1\]"),
        ({"frames": "many"}, "frames cannot be 'many'"),
    ],
)
def test_a_card_that_lacks_something_or_holds_another_kind_is_named(changes, named, tmp_path):
    folder = shutil.copytree(SHIPPED / "gc-bc", tmp_path / "gc-bc")
    card = json.loads((folder / "config.json").read_text()) | changes
    card = {name: value for name, value in card.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(card))
    spec = envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20)
    with pytest.raises(ValueError, match=rf"config\.json is damaged: .*{named}"):
        make_agent("gc-bc", spec, model=folder)


@pytest.mark.parametrize("junk", [object(), b"x", {"a": 1}, np.zeros(3), 5])
def test_goals_observations_and_folders_that_are_none_are_refused(junk):
    spec = envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20)
    agent = make_agent("sac-her", spec)
    with pytest.raises(ValueError, match="what make_goals gives"):
        agent.reset(junk, np.random.default_rng(0))
    agent.reset(NO_PICTURES, np.random.default_rng(0))
    with pytest.raises(ValueError, match="an observation"):
        agent.act(junk)
    with pytest.raises(ValueError, match="a folder is needed"):
        make_agent("sac-her", spec, model=junk)


def test_an_observation_of_another_kind_is_refused():
    agent = make_agent("sac-her", envs.EnvSpec("reach", ("left", "wrist"), 128, 0.25, 20))
    agent.reset(NO_PICTURES, np.random.default_rng(0))
    for junk in ("x", np.zeros((2, 2)), np.array(None)):
        with pytest.raises(ValueError, match="numbers"):
            agent.act(
                dict.fromkeys(("achieved_goal", "desired_goal", "observation"), junk)
                | {"proprio": junk}
            )
