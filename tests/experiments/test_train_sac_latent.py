"""SAC on frozen latents: pictures are all it sees, coordinates only judge it, and it resumes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import envs
from agents import make_agent
from agents.base import Tier
from agents.sac_latent import INPUTS
from envs.goals import make_goals
from experiments.options.train_sac_latent import SacLatentConfig
from experiments.runs.episode import run_episode
from experiments.train import sac_latent as train_sac_latent
from experiments.train.rl_run import CHECKPOINT
from experiments.train.sac_latent import Features, LatentTrainingEnv
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model

CAMERAS = ("left", "wrist")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    save_world_model(small_model(), folder)
    return str(folder)


def config_of(world, out, **changes):
    options = {"model": world, "out": str(out), "hidden": (16,), "eval_seeds": 1, "batch": 16}
    return SacLatentConfig(**options | {"steps": 40, "eval_every": 40} | changes)


def test_goals_are_the_pictures_everyone_is_given(world):
    env = LatentTrainingEnv("grasp", model=world)
    observation, _ = env.start(190_011)
    goals = make_goals("grasp", 190_011, "final", cameras=CAMERAS)
    latents = env._model.encode({c: goals.images[c] for c in CAMERAS})[0].flatten().detach()
    expected = latents.numpy().astype(np.float16)
    np.testing.assert_array_equal(observation["desired_goal"][: len(expected)], expected)


def test_coordinates_reach_the_reward_and_not_the_policy(world):
    env = LatentTrainingEnv("reach", model=world)
    observation, _ = env.reset()
    goal = observation["desired_goal"]
    assert env.compute_reward(goal[None], goal[None], None).tolist() == [0.0]
    assert env.compute_reward(observation["achieved_goal"], goal, None) == -1.0
    model = env._model
    features = Features(env.observation_space, model.encoder.width, model.tokens(len(CAMERAS)))
    batch = {key: torch.from_numpy(value)[None] for key, value in observation.items()}
    before = features(batch)
    batch["desired_goal"] = batch["desired_goal"].clone()
    batch["desired_goal"][:, -3:] += 1.0
    torch.testing.assert_close(features(batch), before, atol=0, rtol=0)
    batch["desired_goal"][:, :100] += 1.0
    assert (features(batch) - before).abs().max() > 1e-4


def test_what_is_shipped_acts_as_what_was_trained(world, tmp_path, monkeypatch):
    seen = []
    evaluate = train_sac_latent.development_success

    def spy(config, model, env):
        observation, _ = env.start(190_011)
        seen.append(model.predict(observation, deterministic=True)[0])
        return evaluate(config, model, env)

    monkeypatch.setattr(train_sac_latent, "development_success", spy)
    train_sac_latent.main(config_of(world, tmp_path))
    env = envs.make("reach", cameras=CAMERAS)
    agent = make_agent("sac-latent", env.unwrapped.env_spec, model=tmp_path)
    assert agent.tier is Tier.B
    assert not {"observation", "desired_goal", "achieved_goal"} & set(agent.observation_keys)
    goals = make_goals("reach", 190_011, cameras=CAMERAS)
    agent.reset(goals, np.random.default_rng(0))
    observation, _ = env.reset(seed=190_011)
    acted = agent.act({key: observation[key] for key in agent.observation_keys})
    np.testing.assert_allclose(acted[:3], seen[-1], atol=2e-3)  # training kept latents in float16
    assert (acted[3:] == 0).all()
    assert run_episode(env, agent, 190_011, goals).row["steps"] > 0
    card = json.loads((tmp_path / "config.json").read_text())
    assert card["environment_steps"] == 40
    assert card["keys"] == list(INPUTS)


def test_foreign_weights_get_one_sentence(world, tmp_path):
    train_sac_latent.main(config_of(world, tmp_path))
    spec = envs.make("grasp", cameras=CAMERAS).unwrapped.env_spec
    with pytest.raises(ValueError, match="sac-latent for reach: sac-latent for grasp is needed"):
        make_agent("sac-latent", spec, model=tmp_path)
    card = json.loads((tmp_path / "config.json").read_text())
    spec = envs.make("reach", cameras=CAMERAS).unwrapped.env_spec
    for changes, words in (
        ({"encoder": "0" * 16}, "latents of another encoder"),
        ({"keys": ["observation"]}, "read observation"),
        ({"hidden": [8]}, "does not fit"),
    ):
        (tmp_path / "config.json").write_text(json.dumps(card | changes))
        with pytest.raises(ValueError, match=words):
            make_agent("sac-latent", spec, model=tmp_path)


def test_a_resumed_run_equals_an_uninterrupted_one(world, tmp_path, monkeypatch):
    options = train_sac_latent.her_options

    def soon(*arguments):
        return options(*arguments) | {"learning_starts": 40}

    monkeypatch.setattr(train_sac_latent, "her_options", soon)
    whole = config_of(world, tmp_path / "whole", steps=90, eval_every=30)
    train_sac_latent.main(whole)
    train_sac_latent.main(replace(whole, steps=66, out=str(tmp_path / "cut")))
    train_sac_latent.main(replace(whole, out=str(tmp_path / "cut")))
    first, second = (
        torch.load(tmp_path / name / CHECKPOINT, weights_only=False) for name in ("whole", "cut")
    )
    assert first["counters"]["_n_updates"] == second["counters"]["_n_updates"] > 0
    for key, value in first["parameters"]["policy"].items():
        torch.testing.assert_close(value, second["parameters"]["policy"][key], atol=0, rtol=0)
