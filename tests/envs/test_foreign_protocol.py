"""Anybody's environment goes through the episode loop, by the page that says how."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import envs
from agents.base import make_agent
from envs.goals import make_goals
from envs.sim_env import bare
from envs.tasks import FOREIGN
from experiments.cli import run
from experiments.runs.episode import run_episode

PAGE = Path(__file__).parents[2] / "docs" / "add-an-environment.md"
TASK = "my_lab:TASK"


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page's blocks of Python, the first of them importable as ``my_lab``."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (tmp_path / "my_lab.py").write_text(blocks[0])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_lab", raising=False)
    yield blocks
    sys.modules.pop("my_lab", None)


def test_the_page_runs_as_it_is_printed(page, capsys):
    exec(page[1], {})
    assert capsys.readouterr().out.split()[0] == "True"


def test_its_environment_is_solved_by_its_expert_and_not_by_chance(page):
    solved = {}
    for name in ("expert", "random"):
        env = envs.make(TASK, cameras=("top",), obs_mode="all")
        agent = make_agent(name, env.env_spec)
        goals = make_goals(TASK, 190_000, cameras=("top",))
        result = run_episode(env, agent, 190_000, goals)
        assert result.traces["action"].shape == (result.row["steps"], 2)
        assert result.physics.shape == (result.row["steps"] + 1, 4)
        solved[name] = result.row["success"]
    assert solved == {"expert": True, "random": False}


def test_its_goal_picture_is_what_success_looks_like(page):
    env = envs.make(TASK, cameras=("top",), obs_mode="all")
    goals = make_goals(TASK, 190_003, cameras=("top",))
    result = run_episode(env, make_agent("expert", env.env_spec), 190_003, goals)
    start, end = (env.picture("top", state=result.physics[i]) for i in (0, -1))
    wrong = [np.abs(goals.images["top"][0].astype(int) - image).mean() for image in (start, end)]
    assert wrong[1] < wrong[0] / 2


def test_its_results_and_videos_are_made_as_ours(page, tmp_path):
    words = ["--agent", "expert", "--task", TASK, "--cameras", "top", "--threads", "1"]
    out = tmp_path / "runs"
    assert run(["evaluate", *words, "--seeds", "190000:190002", "--out", str(out)]) == 0
    assert run(["render", str(out), "--seeds", "190000", "--size", "64"]) == 0
    assert [path.name for path in (out / "videos").glob("*.mp4")] == [
        "my-lab-TASK_expert_190000_success.mp4"
    ]


def test_an_action_of_another_size_is_refused(page):
    class Seven:
        observation_keys = ()

        def reset(self, goal, rng):
            pass

        def act(self, observation):
            return np.zeros(7)

    env = envs.make(TASK, obs_mode="state")
    with pytest.raises(ValueError, match="allowed are 2 finite numbers"):
        run_episode(env, Seven(), 190_000, make_goals(TASK, 190_000))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("robosuite/Lft", "did you mean robosuite/Lift"),
        ("no_such_lab:TASK", "cannot be imported"),
        ("envs.spec:EnvSpec", "must be an envs.tasks.SimTask"),
    ],
)
def test_a_wrong_name_gets_one_sentence(name, message):
    with pytest.raises(ValueError, match=message):
        envs.make(name)


def test_a_camera_that_the_task_lacks_is_refused_before_anything_runs(page, tmp_path, capsys):
    words = ["--agent", "random", "--task", TASK, "--cameras", "left", "--seeds", "190000"]
    assert run(["evaluate", *words, "--out", str(tmp_path / "runs")]) == 2
    assert "allowed are top" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_our_own_environments_satisfy_the_protocol(task):
    env = bare(envs.make(task, obs_mode="state"))
    env.reset(seed=190_000)
    before = env.state()
    env.step(np.full(7, 0.5, dtype=np.float32))
    after = env.picture("left", 32)
    np.testing.assert_array_equal(env.picture("left", 32, env.state()), after)
    assert (env.picture("left", 32, before) != after).any()
    assert not env.success()


def test_every_foreign_name_says_where_its_task_is():
    for name, place in FOREIGN.items():
        assert name.partition("/")[0] in place
        assert re.fullmatch(r"[a-z_.]+:[A-Z_]+", place)
