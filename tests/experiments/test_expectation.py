"""Splices break what they say, and only that; surprise is judged against what must be."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.understand.counterfactual import bare_env
from experiments.understand.expectation import Expectation, accuracy, auroc, copied_pixels
from experiments.understand.items import Item
from experiments.understand.splices import HIDDEN, looking, two_runs

SEED = 100_000


@pytest.fixture(scope="module")
def env():
    return bare_env("default")


def spliced(env, broken):
    """A and B of the first seed that has them, the env being in that episode."""
    for seed in range(SEED, SEED + 10):
        env.reset(seed=seed)
        runs = two_runs(env, broken, np.random.default_rng(seed))
        if not isinstance(runs, str):
            return runs
    raise AssertionError(f"no seed gives {broken}")


def pictures(env, run):
    """What the left camera sees just before and last after the dark."""
    with looking(env, run):
        states = (run.before[-1].physics, run.after[-1])
        return [env.picture("left", state=state).astype(int) for state in states]


@pytest.mark.parametrize("broken", ["colour", "size"])
def test_looks_alone_differ_and_are_put_back(env, broken):
    first, second = spliced(env, broken)
    np.testing.assert_array_equal(first.after, second.after)
    plain, other, again = (pictures(env, run) for run in (first, second, first))
    for one, two, three in zip(plain, other, again, strict=True):
        changed = np.abs(one - two).max(axis=-1) > 20
        assert 5 < changed.sum() < changed.size / 20  # the object, and no more
        np.testing.assert_array_equal(one, three)


def test_the_object_is_carried_in_one_run_and_is_not_there_in_the_other(env):
    first, second = spliced(env, "permanence")
    start = first.before[-1].proprio[:3]
    places = []
    for run in (first, second):
        with env.showing(run.after[-1]):
            places.append(env.scene.object_position() - env.scene.tool_position())
    assert np.linalg.norm(places[0]) < 0.06 < 2.0 < np.linalg.norm(places[1])
    with env.showing(first.after[-1]):
        assert np.linalg.norm(env.scene.tool_position() - start) > 0.1
    np.testing.assert_array_equal(first.chunk, second.chunk)


def test_what_is_left_behind_lies_on_the_table(env):
    first, second = spliced(env, "continuity")
    with env.showing(second.after[-1]):
        assert abs(env.scene.clearance()) < 0.005
    with env.showing(first.after[-1]):
        assert env.scene.clearance() > 0.03


def test_a_placebo_is_next_to_nothing(env):
    first, second = spliced(env, "placebo")
    assert 0 < np.abs(first.chunk - second.chunk).max() < 0.03
    ends = [run.after[-1] for run in (first, second)]
    assert 0 < np.abs(ends[0] - ends[1]).max() < 1.0


def rows(surprise, n=60, broken="colour"):
    """Items with that surprise (len(HIDDEN), 4) for everyone, as ``surprise(rng)`` draws it."""
    rng = np.random.default_rng(0)
    names = ("model", "random_weights", "pixels, copied")
    return [
        {"broken": broken, "surprise": {name: surprise(rng).tolist() for name in names}}
        for _ in range(n)
    ]


def knows(rng):
    return np.tile([0.1, 0.9, 0.2, 0.3], (len(HIDDEN), 1)) + 0.01 * rng.random((len(HIDDEN), 4))


def guesses(rng):
    return rng.random((len(HIDDEN), 4))


def test_who_expects_what_is_possible_is_right_and_who_guesses_is_at_chance():
    assert accuracy(rows(knows), "model")["value"] == 1.0
    assert auroc(rows(knows), "model") == 1.0
    assert abs(accuracy(rows(guesses), "model")["value"] - 0.5) < 0.1
    assert abs(auroc(rows(guesses), "model") - 0.5) < 0.1
    assert accuracy(rows(lambda rng: np.zeros((len(HIDDEN), 4))), "model")["value"] == 0.5


def test_the_placebo_is_no_part_of_the_score():
    items = [Item(i, row=row) for i, row in enumerate(rows(knows) + rows(guesses, 30, "placebo"))]
    found = Expectation.summarise(items, {})
    assert found["score"] == 1.0
    assert abs(found["placebo"]["model"]["value"] - 0.5) < 0.15
    assert set(found["by_steps_hidden"]["model"]) == {str(steps) for steps in HIDDEN}


def test_pixels_cannot_tell_two_colours_that_come_to_light_elsewhere():
    """An object of grey 1 or 2 at the left before the dark, at the right after it."""

    def picture(grey, column):
        image = np.zeros((1, 4, 4, 3), dtype=np.uint8)
        image[0, 0, column] = grey
        return {"left": image}

    before, after = ([picture(grey, column) for grey in (1, 2)] for column in (0, 3))
    found = copied_pixels(before, after)
    assert found.shape == (1, 4)
    right = accuracy([{"surprise": {"pixels": found.tolist()}}], "pixels")
    assert right["value"] == 0.5
