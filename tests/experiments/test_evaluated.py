"""Neither play nor tinkering holds what is evaluated, and what does is found and left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import envs
from experiments.data import evaluated
from experiments.data.collect import TRAINING_SEEDS, CollectConfig, main
from experiments.data.evaluated import arrangement, shown
from experiments.data.presets import PRESETS
from worldsim.data import TrajectoryDataset

SOME = {"play": (2, "free-play"), "tinker": (5, "tinker")}
"""Preset -> how many seeds, and who acts in them."""


def places_in(env):
    return np.stack([env.scene.object_position(i) for i in range(env.task_spec.objects)])


@pytest.fixture(scope="module")
def solved():
    """Seed -> environment and objects' places (T, 2, 3) while the expert moves both of two."""
    env, found = envs.make("rearrange-2", obs_mode="state").unwrapped, {}
    for seed in range(190_000, 190_020):
        env.reset(seed=seed)
        if len(arrangement("rearrange-2", seed).order) < 2:
            continue
        expert, places = env.task_spec.expert(), [places_in(env)]
        while not env.success():
            env.step(expert.act(env.privileged()))
            places.append(places_in(env))
        found[seed] = env.start.kinds, np.stack(places)
        if len(found) == 2:
            return found
    raise AssertionError("no two starts in which both are to move")


@pytest.fixture(params=[0, 1])
def one(request, solved, monkeypatch):
    """A seed, its kinds and places, where it is all that is evaluated."""
    seed = sorted(solved)[request.param]
    asked = arrangement("rearrange-2", seed)
    monkeypatch.setattr(evaluated, "evaluated", lambda: (asked,))
    return asked, *solved[seed]


def test_a_goal_is_known_without_simulating_it():
    env = envs.make("rearrange-3", obs_mode="state").unwrapped
    env.reset(seed=190_003)
    asked = arrangement("rearrange-3", 190_003)
    assert asked.kinds == env.start.kinds
    np.testing.assert_array_equal(asked.goal, env.start.goal.reshape(3, 5)[:, :3])
    np.testing.assert_allclose(asked.start, places_in(env), atol=0.01)


def test_a_reached_goal_and_the_way_there_are_found(one):
    asked, kinds, places = one
    assert list(shown(kinds, places)) == [asked]
    assert asked.reached(places)
    assert asked.begun(kinds, places)
    extra = np.concatenate([places, places[:, :1] + 1.0], axis=1)
    assert asked.begun((*kinds, "another"), extra)  # with a third object beside them


def test_half_of_a_way_other_kinds_and_the_other_order_are_not(one):
    asked, kinds, places = one
    first, second = asked.order
    half = places.copy()
    half[:, second] = places[0, second]
    assert list(shown(kinds, half)) == []
    assert list(shown(("this", "that"), places)) == []
    assert not replace(asked, order=(second, first)).begun(kinds, places)


def test_seeds_that_hold_what_is_evaluated_are_left_out(tmp_path, monkeypatch, capsys):
    recipe = replace(PRESETS["play"], tasks=("rearrange-2",), steps=2)
    monkeypatch.setitem(PRESETS, "play", replace(recipe, answers=lambda env, places: True))
    main(little(tmp_path, "play", 1))
    assert len(list(tmp_path.glob("*.h5"))) == 0
    assert "seed 0 is left out" in capsys.readouterr().out


def little(out, preset, seeds):
    size = {"image_size": 32, "cameras": ("left",), "workers": 1}
    return CollectConfig(str(out), preset, seeds, **size)


@pytest.mark.parametrize("preset", SOME)
def test_no_episode_holds_what_is_evaluated(preset, tmp_path):
    seeds, policy = SOME[preset]
    main(little(tmp_path, preset, seeds))
    data = TrajectoryDataset(tmp_path)
    assert set(data.column("policy")) == {policy}
    for index in range(len(data)):
        episode = data.episode(index)
        env = envs.make(episode.task, obs_mode="state").unwrapped
        env.reset(seed=episode.seed)
        places = []
        for state in episode.physics:
            with env.showing(state):
                places.append(places_in(env) if env.task_spec.objects else np.zeros((0, 3)))
        assert list(shown(env.start.kinds, np.stack(places))) == []
        assert not (episode.task == "pick-place" and episode.success)


def test_training_starts_are_no_evaluated_ones():
    assert set(evaluated.SEEDS).isdisjoint(range(*TRAINING_SEEDS))
