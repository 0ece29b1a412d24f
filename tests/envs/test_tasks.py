"""A task is one file: the one in the documentation works, and mistakes in one are told."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.goals import make_goals
from envs.start import Start
from envs.task import STAGES, Task
from envs.tasks import register_task

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "add-a-task.md"


@pytest.fixture
def point(tmp_path):
    """The guide's task, imported from a file that holds its code and nothing else."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert code is not None
    file = tmp_path / "point.py"
    file.write_text(code[1])
    spec = importlib.util.spec_from_file_location("point", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.SPEC
    del envs.TASKS["point"], envs.BUDGETS["point"], gym.registry["worldsim/Point-v0"]


def test_the_guides_task_is_solved_by_its_expert_and_makes_goal_pictures(point):
    env, expert, solved = envs.make("point", obs_mode="state"), point.expert(), 0
    rewards = []
    for seed in range(190_000, 190_010):
        observation, info = env.reset(seed=seed)
        assert not info["is_success"]
        expert.reset()
        for _ in range(point.budget):
            observation, reward, _, truncated, info = env.step(expert.act(observation))
            rewards.append(reward)
        assert truncated
        assert info["stage"] == ("reached" if info["is_success"] else "none")
        solved += info["is_success"]
    assert solved >= 9
    assert set(rewards) == {0.0, -1.0}
    goals = make_goals("point", 190_000, "subgoals", image_size=32)
    assert goals is not None
    assert goals.names == ("above",)


def test_the_guides_task_passes_the_checker(point):
    check_env(
        gym.make("worldsim/Point-v0", obs_mode="all", image_size=32).unwrapped,
        skip_render_check=True,
    )


def test_a_forgotten_rule_is_an_error_when_the_task_is_made():
    class Forgetful(Task):
        def sample_start(self, draws):
            return Start(np.zeros(3), 0.0, np.zeros(3))

    with pytest.raises(TypeError, match="abstract"):
        Forgetful()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "worldsim/Reach-v1"}, "another task 'reach'"),
        ({"name": "stretch", "solved_stage": "stretched"}, ", ".join(STAGES)),
        ({"name": "stretch", "budget": 21}, "share out the budget of 21 steps"),
        ({"name": "stretch", "schedules": {"final": {"reached": 20}}}, "'subgoals'"),
        ({"name": "stretch", "schedules": {m: {"on": 20} for m in envs.task.GOAL_MODES}}, "'on'"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        register_task(replace(envs.TASKS["reach"], **changes))
    assert "stretch" not in envs.TASKS
