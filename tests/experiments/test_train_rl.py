"""SAC, TQC and PPO: they learn a toy task, resume to the bit, and ship what they were."""

from __future__ import annotations

import json
import os
import pickle
import signal
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces

import envs
from agents import make_agent
from agents.checkpoint import training_of
from agents.sb3 import KEYS
from envs.goals import GoalSequence
from envs.state import STATE_SIZE
from experiments.options.train_rl import PpoConfig, SacHerConfig, TqcHerConfig
from experiments.train import rl as train_rl
from experiments.train import rl_env
from experiments.train.rl_env import TrainingEnv, start_statistics
from experiments.train.rl_run import CHECKPOINT
from tests.fuzz.damage import Trap

SMALL = {"hidden": (16,), "envs": 2, "eval_seeds": 2, "batch": 32}


@pytest.fixture
def few_starts(monkeypatch):
    """Statistics of twenty starts serve where nothing is to be learnt."""
    monkeypatch.setattr(train_rl, "start_statistics", partial(start_statistics, count=20))


@pytest.fixture
def soon(monkeypatch):
    """Learning begins after 100 steps, not 1,000."""
    options = train_rl.her_options
    changed = {"learning_starts": 100}
    monkeypatch.setattr(train_rl, "her_options", lambda *given: options(*given) | changed)


class Point:
    """Reach without a robot: a point that goes where it is told, ten times faster to step."""

    task = "reach"
    env_spec = envs.EnvSpec("reach", (), 128, 0.25, 20)

    def __init__(self, **_):
        self.unwrapped, self.start = self, SimpleNamespace(goal=np.zeros(3))
        box = spaces.Box(-4.0, 4.0, (3,))
        self.observation_space = spaces.Dict(dict.fromkeys(KEYS, box))

    def _see(self):
        place, goal = self.place.copy(), self.goal.copy()
        seen = {"observation": place, "achieved_goal": place, "desired_goal": goal}
        return seen, {"is_success": bool(np.linalg.norm(place - goal) < 0.1)}

    def reset(self, seed):
        rng = np.random.default_rng(seed)
        self.place, self.goal = rng.uniform(-0.5, 0.5, (2, 3))
        return self._see()

    def step(self, action):
        self.place = np.clip(self.place + 0.1 * np.asarray(action)[:3], -1, 1)
        seen, info = self._see()
        return seen, -float(np.linalg.norm(self.place - self.goal)), False, False, info

    def compute_reward(self, achieved, desired, info):
        distance = np.linalg.norm(np.subtract(achieved, desired), axis=-1)
        return np.where(distance < 0.1, 0.0, -1.0)

    def get_state(self):
        return {"place": self.place, "goal": self.goal}

    def set_state(self, state):
        self.place, self.goal = state["place"], state["goal"]


class LeakyPoint(Point):
    """What it observes holds its goal."""

    def __init__(self, **options):
        super().__init__(**options)
        spaces_of = self.observation_space.spaces | {"observation": spaces.Box(-4.0, 4.0, (6,))}
        self.observation_space = spaces.Dict(spaces_of)

    def _see(self):
        seen, info = super()._see()
        return seen | {"observation": np.concatenate([self.place, self.goal])}, info


def test_hindsight_is_refused_where_the_observation_repeats_the_goal(monkeypatch, tmp_path):
    monkeypatch.setattr(rl_env.envs, "make", lambda task, **options: LeakyPoint(**options))
    config = SacHerConfig(steps=40, eval_every=40, out=str(tmp_path / "sac"), **SMALL)
    with pytest.raises(ValueError, match=r"observation\[3\] of reach is desired_goal\[0\]"):
        train_rl.main(config)
    train_rl.main(PpoConfig(steps=40, eval_every=40, rollout=20, out=str(tmp_path), **SMALL))


@pytest.mark.parametrize("task", envs.TASKS)
def test_no_task_of_ours_repeats_its_goal(task):
    rl_env.check_hindsight(task)


@pytest.fixture
def points(monkeypatch):
    monkeypatch.setattr(rl_env.envs, "make", lambda task, **options: Point(**options))


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "actor.safetensors")


@pytest.mark.long
@pytest.mark.parametrize(
    "config",
    [
        SacHerConfig(steps=3_000, gradient_steps=1, envs=2, learning_rate=3e-3),
        TqcHerConfig(steps=3_000, gradient_steps=2, envs=2, learning_rate=3e-3, tau=0.05),
        PpoConfig(steps=16_000, envs=8, rollout=64, learning_rate=1e-3, eval_every=16_000),
    ],
    ids=["sac-her", "tqc-her", "ppo"],
)
def test_they_learn_to_reach_with_a_point(points, config, tmp_path):
    changes = {"hidden": (64, 64), "batch": 128, "eval_every": config.steps, "eval_seeds": 30}
    train_rl.main(replace(config, out=str(tmp_path), **changes))
    curve = json.loads((tmp_path / "curve.json").read_text())
    assert curve[-1]["success"] >= 0.7
    card = json.loads((tmp_path / "config.json").read_text())
    assert card["algorithm"] == config.algorithm
    assert card["variant"] == "pure"
    assert card["environment_steps"] >= config.steps


def test_the_card_is_of_the_best_policy_and_holds_the_whole_curve(points, monkeypatch, tmp_path):
    success = iter([0.5, 0.8, 0.2])
    monkeypatch.setattr(train_rl, "development_success", lambda *_: next(success))
    train_rl.main(PpoConfig(steps=384, envs=2, rollout=64, eval_every=128, out=str(tmp_path)))
    card = json.loads((tmp_path / "config.json").read_text())
    assert card["environment_steps"] == 256
    assert [row["success"] for row in card["curve"]] == [0.5, 0.8, 0.2]
    assert training_of(card, 0).environment_steps == 256


@pytest.mark.usefixtures("few_starts")
@pytest.mark.parametrize("kind", [SacHerConfig, PpoConfig])
def test_a_resumed_run_equals_an_uninterrupted_one(soon, kind, tmp_path):
    changes = SMALL | {"eval_every": 150, "eval_seeds": 1, "task": "grasp", "learning_rate": 1e-3}
    changes |= (
        {"rollout": 50, "batch": 50}
        if kind is PpoConfig
        else {"demonstrations": 2, "gradient_steps": 1}
    )
    whole = kind(steps=450, out=str(tmp_path / "whole"), **changes)
    train_rl.main(whole)
    train_rl.main(replace(whole, steps=330, out=str(tmp_path / "cut")))
    train_rl.main(replace(whole, out=str(tmp_path / "cut")))
    first, second = (
        torch.load(tmp_path / name / CHECKPOINT, weights_only=False) for name in ("whole", "cut")
    )
    assert first["counters"]["num_timesteps"] == second["counters"]["num_timesteps"] >= 450
    assert first["counters"]["_n_updates"] == second["counters"]["_n_updates"] > 0
    for key, value in first["parameters"]["policy"].items():
        torch.testing.assert_close(value, second["parameters"]["policy"][key], atol=0, rtol=0)
    assert [e["next"] for e in first["envs"]] == [e["next"] for e in second["envs"]]
    for key, value in weights(tmp_path / "whole").items():
        torch.testing.assert_close(value, weights(tmp_path / "cut")[key], atol=0, rtol=0)
    card = json.loads((tmp_path / "cut" / "config.json").read_text())
    if kind is not PpoConfig:
        assert card["variant"] == "with 2 demonstrations"
        assert card["demonstration_transitions"] == 2 * 30
        assert card["demonstrations_solved"] == 1.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", [SacHerConfig, PpoConfig])
def test_a_run_that_a_signal_ended_goes_on_to_the_bit(
    points, soon, kind, number, tmp_path, monkeypatch
):
    steps = {"rollout": 50, "batch": 50} if kind is PpoConfig else {"gradient_steps": 1}
    changes = SMALL | steps
    whole = kind(steps=400, eval_every=200, out=str(tmp_path / "whole"), **changes)
    train_rl.main(whole)
    step, calls = Point.step, []

    def note(self, action):
        calls.append(1)
        if len(calls) == 300:
            os.kill(os.getpid(), number)
        return step(self, action)

    cut = replace(whole, out=str(tmp_path / "cut"))
    with monkeypatch.context() as patched:
        patched.setattr(Point, "step", note)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_rl.main(cut)
    saved = torch.load(tmp_path / "cut" / CHECKPOINT, weights_only=False)
    assert 200 < saved["counters"]["num_timesteps"] < 400  # and not at a selection
    train_rl.main(cut)
    for key, value in weights(tmp_path / "whole").items():
        torch.testing.assert_close(value, weights(tmp_path / "cut")[key], atol=0, rtol=0)
    for damage in (b"PK", b"", b"agents: [random]", pickle.dumps({})):
        (tmp_path / "cut" / CHECKPOINT).write_bytes(damage)
        with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
            train_rl.main(cut)
    torch.save({"parameters": Trap(tmp_path / "trace")}, tmp_path / "cut" / CHECKPOINT)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
        train_rl.main(cut)
    assert not (tmp_path / "trace").exists()


@pytest.mark.usefixtures("few_starts")
def test_demonstrations_are_counted_as_they_lie_in_the_buffer(tmp_path):
    options = SMALL | {"task": "grasp", "steps": 20, "eval_every": 20, "eval_seeds": 1}
    train_rl.main(SacHerConfig(out=str(tmp_path), demonstrations=3, **options))  # two at a time
    card = json.loads((tmp_path / "config.json").read_text())
    assert card["variant"] == "with 4 demonstrations"
    assert card["demonstrations"] == 4
    assert card["demonstration_transitions"] == 4 * envs.BUDGETS["grasp"]


@pytest.mark.usefixtures("few_starts")
@pytest.mark.parametrize("kind", [SacHerConfig, PpoConfig])
def test_the_shipped_actor_acts_as_the_trained_one(kind, tmp_path, monkeypatch):
    seen = []
    evaluate = train_rl.development_success

    def spy(config, model, env):
        observation, _ = env.start(100_000)
        seen.append((observation, model.predict(observation, deterministic=True)[0]))
        return evaluate(config, model, env)

    monkeypatch.setattr(train_rl, "development_success", spy)
    changes = {"rollout": 50, "batch": 50} if kind is PpoConfig else {}
    config = kind(task="pick-place", steps=200, eval_every=200, out=str(tmp_path), **SMALL)
    train_rl.main(replace(config, **changes))
    spec = envs.make("pick-place", obs_mode="state").unwrapped.env_spec
    agent = make_agent(config.algorithm, spec, model=tmp_path)
    assert agent.training.environment_steps == 200
    assert agent.training.parameters > 45 * 16
    observation, action = seen[-1]
    agent.reset(GoalSequence({}, (), np.zeros(0, dtype=np.int64)), np.random.default_rng(0))
    acted = agent.act(observation)
    np.testing.assert_allclose(acted[list(envs.TASKS["pick-place"].action_dims)], action, atol=1e-5)
    assert (acted[[3, 4]] == 0).all()


@pytest.mark.usefixtures("few_starts")
def test_foreign_weights_get_one_sentence(tmp_path):
    config = SacHerConfig(steps=50, eval_every=50, out=str(tmp_path / "sac"), **SMALL)
    train_rl.main(config)
    spec = {t: envs.make(t, obs_mode="state").unwrapped.env_spec for t in envs.TASKS}
    with pytest.raises(ValueError, match="weights of sac-her: tqc-her for reach is needed"):
        make_agent("tqc-her", spec["reach"], model=tmp_path / "sac")
    with pytest.raises(ValueError, match="sac-her for reach: sac-her for grasp is needed"):
        make_agent("sac-her", spec["grasp"], model=tmp_path / "sac")
    card = json.loads((tmp_path / "sac" / "config.json").read_text())
    (tmp_path / "sac" / "config.json").write_text(json.dumps(card | {"keys": ["pixels"]}))
    with pytest.raises(ValueError, match="read pixels"):
        make_agent("sac-her", spec["reach"], model=tmp_path / "sac")
    from safetensors.torch import save_file

    kept = {k: v for k, v in weights(tmp_path / "sac").items() if k != "std"}
    save_file(kept, tmp_path / "sac" / "actor.safetensors")
    (tmp_path / "sac" / "config.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="lack the normalisation statistics std"):
        make_agent("sac-her", spec["reach"], model=tmp_path / "sac")


@pytest.mark.usefixtures("few_starts")
def test_other_options_on_the_same_folder_are_refused(tmp_path):
    config = SacHerConfig(steps=50, eval_every=50, out=str(tmp_path), **SMALL)
    train_rl.main(config)
    before = (tmp_path / "actor.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"other options \(gamma: 0.95 there, 0.9 here\)"):
        train_rl.main(replace(config, gamma=0.9))
    with pytest.raises(ValueError, match="holds a run of 'train sac-her'"):
        train_rl.main(TqcHerConfig(steps=50, eval_every=50, out=str(tmp_path), **SMALL))
    assert (tmp_path / "actor.safetensors").read_bytes() == before


def test_training_environments_share_the_seeds_and_go_on_to_the_bit():
    first, second = (TrainingEnv("grasp", 0, (i, 2)) for i in (0, 1))
    rng = np.random.default_rng(0)
    used = []
    for env in (first, second):
        reset, env.base.reset = env.base.reset, None
        env.base.reset = lambda seed, reset=reset: used.append(seed) or reset(seed=seed)
    for _ in range(3):
        first.reset()
        second.reset()
    assert sorted(used) == [0, 1, 2, 3, 4, 5]
    actions = rng.uniform(-1, 1, (20, 5)).astype(np.float32)
    for action in actions[:8]:
        first.step(action)
    state = first.checkpoint()
    went = [first.step(action)[0]["observation"] for action in actions[8:]]
    other = TrainingEnv("grasp", 0, (0, 2))
    other.restore(state)
    again = [other.step(action)[0]["observation"] for action in actions[8:]]
    np.testing.assert_array_equal(went, again)
    assert first.reset()[0].keys() == other.reset()[0].keys()
    np.testing.assert_array_equal(first.base.state(), other.base.state())


def test_statistics_take_no_step_and_leave_no_scale_at_zero():
    mean, std = start_statistics("grasp", 20)
    assert mean.shape == std.shape == (4 + 4 + STATE_SIZE,)
    assert (std >= 0.1).all()
    assert std.max() < 2.0
