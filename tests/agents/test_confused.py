"""Things given in each other's place: an environment for its spec, a policy for a world model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import envs
from agents import make_agent
from agents.base import EpisodeAgent
from agents.checkpoint import SHIPPED, MissingWeightsError, load_agent
from agents.goal_value import load_value
from envs.errors import UserError
from envs.goals import GoalSequence
from experiments.runs.episode import run_episode
from worldsim import load_world_model
from worldsim.checkpoint import SHIPPED as MODELS
from worldsim.encoders import open_encoder

SPEC = envs.EnvSpec("reach", ("left",), 16, 0.25, 20)
GOAL = GoalSequence({"left": np.zeros((1, 16, 16, 3), np.uint8)}, ("there",), np.array([20]))


class Looks(EpisodeAgent):
    """Looks at pictures and does nothing."""

    observation_keys = ("image_left", "proprio")

    def begin(self, goal, rng):
        """Nothing to remember."""

    def decide(self, observation):
        """Stay."""
        return np.zeros(7)


@pytest.fixture
def looks():
    agent = Looks(SPEC, ("left",))
    agent.reset(GOAL, np.random.default_rng(0))
    return agent


@pytest.mark.parametrize("name", ["random", "expert", "servo", "ppo"])
@pytest.mark.parametrize("given", [SimpleNamespace(env_spec=SPEC), "reach", None])
def test_an_agent_is_made_for_a_spec(name, given):
    with pytest.raises(UserError, match=r"EnvSpec is needed, such as env\.unwrapped\.env_spec"):
        make_agent(name, given)


@pytest.mark.parametrize("rng", [None, 42, np.random.RandomState(0)])
def test_an_episode_is_begun_with_a_generator(rng, looks):
    with pytest.raises(UserError, match=r"generator is needed, as np\.random\.default_rng"):
        looks.reset(GOAL, rng)
    with pytest.raises(UserError, match="no episode yet"):
        looks.act({})


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((16, 16, 3)),
        np.zeros((1, 16, 16, 3), np.uint8),
        np.zeros((3, 16, 16), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        "left.png",
    ],
)
def test_pictures_that_are_not_the_environments_are_refused(picture, looks):
    with pytest.raises(UserError, match=r"image_left has shape .* needs \(16, 16, 3\) uint8"):
        looks.act({"image_left": picture, "proprio": np.zeros(7)})


def test_all_that_reset_returns_is_no_observation(looks):
    seen = {"image_left": np.zeros((16, 16, 3), np.uint8), "proprio": np.zeros(7)}
    looks.act(seen)
    with pytest.raises(UserError, match=r"dict of arrays, .* not tuple") as raised:
        looks.act((seen, {"is_success": False}))
    assert len(str(raised.value)) < 120


def test_an_environment_that_does_not_observe_what_is_read_is_refused(looks):
    env = envs.make("reach", obs_mode="state")
    with pytest.raises(UserError, match=r'Looks reads image_left, .* obs_mode="all"'):
        run_episode(env, looks, 100_000, GOAL)


def test_an_episode_takes_an_environment_then_an_agent_then_a_seed(looks):
    env = envs.make("reach", obs_mode="state")
    with pytest.raises(UserError, match="environment is needed first, then an agent: got Looks"):
        run_episode(looks, env, 100_000, GOAL)
    for seed in (-1, "1", 1.5, None):
        with pytest.raises(UserError, match=r"seed .*: a whole number from 0 on"):
            run_episode(env, looks, seed, GOAL)


def test_weights_of_something_else_are_told_as_what_they_are():
    gc_bc = SHIPPED / "gc-bc"
    with pytest.raises(UserError, match="gc-bc holds weights of gc-bc: ppo for reach is needed"):
        load_agent("ppo", "actor.safetensors", gc_bc, "reach")
    with pytest.raises(UserError, match="tiny holds weights of something else than an agent"):
        load_value(MODELS / "tiny")
    for read in (load_world_model, open_encoder):
        with pytest.raises(ValueError, match=r"describes an agent, gc-bc: allowed are vjepa2"):
            read(str(gc_bc))


def test_no_training_is_advised_for_a_task_that_cannot_be_trained_on():
    with pytest.raises(MissingWeightsError, match=r"for robosuite/Lift: it learns reach.*alone"):
        load_agent("ppo", "actor.safetensors", None, "robosuite/Lift")


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_a_world_model_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match=r"a name \(diverse, play, tiny\) or a path is needed"):
        load_world_model(name)
