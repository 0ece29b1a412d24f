"""The world-model agent fits its planner to a time per action once, and then holds to it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from agents import world_model
from agents.budget import MadeUpEpisode
from agents.world_model import WorldModelAgent
from envs.spec import EnvSpec
from tests.worldsim.test_world_model import small_model

SPEC = EnvSpec("reach", ("left", "wrist"), 32, 0.25, 20)


@pytest.fixture
def clock(monkeypatch):
    """Processor time of which encoding takes 5 ms and every imagined candidate 1 ms."""
    now = SimpleNamespace(seconds=0.0, asked=0)

    def process_time():
        now.asked += 1
        return now.seconds

    def slow(method, price):
        def slower(self, *given):
            now.seconds += price(given)
            return method(self, *given)

        return slower

    Model = world_model.WorldModel
    monkeypatch.setattr(Model, "rollout", slow(Model.rollout, lambda given: 1e-3 * len(given[1])))
    monkeypatch.setattr(Model, "encode", slow(Model.encode, lambda given: 5e-3))
    monkeypatch.setattr(world_model, "time", SimpleNamespace(process_time=process_time))
    return now


def actions(agent):
    episode = MadeUpEpisode(SPEC, agent.views)
    episode.begin(agent)
    return np.stack([agent.act(episode._seen) for _ in range(3)])


def test_a_budget_counts_everything_that_an_action_takes(clock):
    agent = WorldModelAgent(SPEC, small_model(), planner="cem", budget_ms=50.0)
    assert agent.counts == {"samples": 22}  # twice 22 ms, and 5 for seeing
    assert agent.config.planner.samples == 22
    other = WorldModelAgent(SPEC, small_model(), planner="icem", budget_ms=50.0)
    # 22, the centre and the proposal; then 17, the centre and two elites: 49 ms with seeing.
    assert other.counts == {"samples": 22}


def test_recorded_counts_hold_without_a_look_at_the_clock(clock):
    agent = WorldModelAgent(SPEC, small_model(), budget_ms=50.0)
    asked = clock.asked
    again = WorldModelAgent(SPEC, small_model(), budget_ms=50.0, counts={"samples": 22})
    given = WorldModelAgent(SPEC, small_model(), search={"samples": 22})
    assert clock.asked == asked
    np.testing.assert_array_equal(actions(agent), actions(again))
    np.testing.assert_array_equal(actions(agent), actions(given))
    assert given.counts is None


def test_the_made_up_episode_is_over_when_the_agent_is_made(clock):
    agent = WorldModelAgent(SPEC, small_model(), budget_ms=50.0)
    with pytest.raises(ValueError, match="no episode yet"):
        agent.act(MadeUpEpisode(SPEC, agent.views)._seen)


def test_a_budget_that_cannot_be_kept_is_refused(clock):
    with pytest.raises(ValueError, match="budget of 10 ms is too short for CEM"):
        WorldModelAgent(SPEC, small_model(), budget_ms=10.0)
    with pytest.raises(ValueError, match="budget-ms must be above 0"):
        WorldModelAgent(SPEC, small_model(), budget_ms=0.0)
