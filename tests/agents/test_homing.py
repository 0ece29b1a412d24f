"""A hand that starts where no training episode did goes to where they began."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import envs
from agents import make_agent
from agents.homing import LONGEST, Homing
from agents.servo import ServoAgent
from envs.goals import make_goals
from experiments.runs.episode import run_episode
from tests.worldsim.test_world_model import small_model
from worldsim import load_world_model
from worldsim.checkpoint import SHIPPED

FAR = "held-out:start:3"
PLACE_AND_YAW = [0, 1, 2, 5]


def pose(observation, key="proprio"):
    return np.asarray(observation[key], np.float64)


@pytest.mark.parametrize("seed", [100_000, 100_001, 100_002])
def test_the_hand_ends_in_the_box_and_is_left_alone_from_then_on(seed):
    env = envs.make("grasp", cameras=("left",), variation=FAR)
    observation, _ = env.reset(seed=seed)
    model = load_world_model("diverse")
    homing = Homing(env.unwrapped.env_spec, model)
    low, high = np.array(model.config.starts)

    def outside():
        here = pose(observation)[PLACE_AND_YAW]
        return np.maximum(low - here, here - high).max()

    assert outside() > 0.05
    steps = 0
    while (action := homing.action(pose(observation), pose(observation, "target"))) is not None:
        assert (np.abs(action) <= 1.0).all()
        assert action[6] == 0.0  # fingers stay as they are
        observation, *_ = env.step(action.astype(np.float32))
        steps += 1
    assert 0 < steps <= LONGEST
    assert outside() < 0.05
    far = pose(observation) + np.eye(7)[0]
    assert homing.action(far, far) is None
    homing.reset()
    assert homing.action(far, far) is not None


def test_who_starts_in_the_box_does_as_before():
    env = envs.make("reach", cameras=("left", "wrist"))
    goals = make_goals("reach", 190_011, cameras=("left", "wrist"))
    runs = [
        run_episode(env, make_agent("gc-bc", env.unwrapped.env_spec, homing=homing), 190_011, goals)
        for homing in (None, True)
    ]
    np.testing.assert_array_equal(runs[0].physics, runs[1].physics)


def test_an_agent_takes_the_way_home_first():
    env = envs.make("grasp", cameras=("left", "wrist"), image_size=32, variation=FAR)
    model = small_model()
    nowhere = replace(model.config, starts=((0.5, 0.0, 0.1, 0.0), (0.5, 0.0, 0.1, 0.0)))
    model.config = nowhere
    spec = env.unwrapped.env_spec
    goals = make_goals("grasp", 100_000, cameras=("left", "wrist"), image_size=32, variation=FAR)
    run = run_episode(env, ServoAgent(spec, model, homing=True), 100_000, goals)
    away = np.linalg.norm(run.traces["proprio"][:, :3] - [0.5, 0.0, 0.1], axis=1)
    assert away[0] > 0.2
    assert away[: LONGEST + 1].min() < 0.04


def test_a_model_that_does_not_say_where_episodes_began_is_refused():
    spec = envs.make("reach").unwrapped.env_spec
    with pytest.raises(ValueError, match="does not say"):
        ServoAgent(spec, small_model(), homing=True)


@pytest.mark.parametrize("starts", [3, "box", [[1, 2], [3, 4]], [[1] * 4], [[1] * 4, [0] * 4]])
def test_a_config_with_no_such_box_is_one_sentence(tmp_path, starts):
    shutil.copytree(SHIPPED / "tiny", tmp_path / "tiny")
    path = tmp_path / "tiny/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"starts": starts}))
    with pytest.raises(ValueError, match=r"config\.json is not a worldsim model's config"):
        load_world_model(tmp_path / "tiny")
