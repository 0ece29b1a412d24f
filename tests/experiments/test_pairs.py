"""Pairs are what the simulator says and differ by little; shortcuts are at chance."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.understand.clips import record
from experiments.understand.counterfactual import bare_env
from experiments.understand.flips import (
    FRAMES,
    KINDS,
    Setting,
    dropped,
    edge,
    lifted,
    moved,
    two_sides,
)
from experiments.understand.items import Item
from experiments.understand.pairs import CHANCE, Asked, Pairs, both, one
from experiments.understand.words import EVENTS, WordPairs
from tests.experiments.test_motion import ramp, track

SEED = 100_000

# -- what happened ------------------------------------------------------------------------------


def bump(size):
    """Up to a height and back, over the frames of a clip of eight."""
    return size * np.array([0, 0.5, 1, 1, 0.5, 0, 0, 0])


HELD = np.array([0, 2, 2, 2, 2, 0, 0, 0])
HIGH_TOOL = np.outer([0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.3, 0.3], [0, 0, 1])
FALLS = np.array([0.08, 0.08, 0, 0, 0, 0, 0, 0])
PUT_DOWN = np.array([0.08, 0.08, 0.08, 0.08, 0, 0, 0, 0])


def rising(clearance, **changes):
    """A clip of an object with that clearance, which stays upright."""
    place = np.outer(np.asarray(clearance) + 0.02, [0, 0, 1])
    return track(clearance=np.asarray(clearance), place=place, **changes)


@pytest.mark.parametrize(
    ("told", "clip", "answer"),
    [
        (lifted, rising(bump(0.08), fingers=HELD), True),
        (lifted, rising(bump(0.0), fingers=HELD), False),
        (lifted, rising(bump(0.02), fingers=HELD), None),  # a little
        (lifted, rising(bump(0.08)), None),  # not by the gripper
        (
            lifted,
            track(clearance=bump(0.08), fingers=HELD, place=ramp(-0.03, 2)),
            None,
        ),  # fell over
        (lifted, rising(bump(0.08), fingers=np.full(8, 2)), None),  # the end shows it
        (moved, track(place=ramp(0.03, 0)), True),
        (moved, track(), False),
        (moved, track(place=ramp(0.01, 0)), None),
        (moved, rising(bump(0.03)), None),
        (dropped, rising(FALLS, tool=HIGH_TOOL), True),
        (dropped, rising(PUT_DOWN, tool=HIGH_TOOL), False),
        (dropped, rising([0.08, 0.08, 0.02, 0.02, 0, 0, 0, 0], tool=HIGH_TOOL), None),
    ],
)
def test_what_happened(told, clip, answer):
    assert told(clip) is answer


# -- two sides ----------------------------------------------------------------------------------


def test_an_edge_is_found_from_either_side():
    for inside, outside in ((1.0, 0.0), (0.0, 1.0)):
        found = edge(lambda number, up=inside: (number > 0.3) == (up > 0.3), inside, outside)
        assert abs(found[0] - found[1]) < 0.05
        assert min(found) <= 0.3 <= max(found)
    assert edge(lambda number: True, 0.0, 1.0) == (1.0, 1.0)


@pytest.fixture(scope="module")
def env():
    return bare_env("default")


@pytest.mark.parametrize("name", KINDS)
def test_two_runs_from_one_state_either_side(env, name):
    kind = KINDS[name]
    for seed in range(SEED, SEED + 10):
        env.reset(seed=seed)
        pair = two_sides(env, kind, np.random.default_rng(seed))
        if not isinstance(pair, str):
            break
    no, yes = pair.runs
    np.testing.assert_array_equal(no.physics[0], yes.physics[0])
    assert len(no.physics) == len(yes.physics) == FRAMES
    assert (kind.happened(no), kind.happened(yes)) == (False, True)
    assert 0 < abs(pair.numbers[0] - pair.numbers[1]) < 0.04
    # The end shows nothing: upright on the table and let go of, in both.
    for run in pair.runs:
        assert run.clearance[-1] < 0.005
        assert run.fingers[-1] == 0
    # The labels are the simulator's: the number of the other run gives the other outcome again.
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    setting = kind.prepare(env, rng)
    assert isinstance(setting, Setting)
    again = record(env, setting.actions(pair.numbers[1]))
    np.testing.assert_array_equal(again.physics, yes.physics)


# -- words --------------------------------------------------------------------------------------


def test_yes_means_either():
    assert {kind.event for kind in KINDS.values()} == set(EVENTS)
    for event in EVENTS.values():
        (one_way, *answers), (other_way, *others) = event.ask(0), event.ask(1)
        assert one_way != other_way
        assert [text.partition(",")[0] for text in (*answers, *others)] == [
            "No",
            "Yes",
            "Yes",
            "No",
        ]
        for answer, other in zip(answers, others, strict=True):
            assert answer.partition(",")[2] == other.partition(",")[2]


def test_words_and_pairs_of_words_weigh_alike():
    texts = ["Is it lifted? Yes.", "is it Lifted yes", "Yes"]
    counted = WordPairs()(texts).reshape(3, 2, -1)
    np.testing.assert_array_equal(counted[0], counted[1])
    assert [len(np.flatnonzero(half)) for half in counted[0]] == [4, 6]
    np.testing.assert_allclose((counted[0] ** 2).sum(axis=1), 0.5)
    assert not counted[2, 1].any()  # one word has no pairs


# -- the probe and its controls -----------------------------------------------------------------


def asked_of(n=240, frames=4):
    """Items, and clips in whose second frame it shows whether something happened."""
    rng, items = np.random.default_rng(0), []
    kinds = list(KINDS)
    for seed in range(n):
        kind = kinds[seed % len(kinds)]
        question, *choices = EVENTS[KINDS[kind].event].ask(int(rng.integers(2)))
        swapped = bool(rng.integers(2))
        row = {"kind": kind, "number": "", "mm": [10.0, 12.0], "question": question}
        row |= {"choices": choices[::-1] if swapped else choices}
        items.append(Item(seed, row=row | {"answers": [1, 0] if swapped else [0, 1]}))
    clips = np.repeat(rng.normal(size=(n, 1, frames, 6)), 2, axis=1)
    noise = clips.copy()
    noise[:, :, 1:] += rng.normal(size=(n, 2, frames - 1, 6))
    clips[:, :, 1, 0] = [-3.0, 3.0]
    return items, {"model": clips, "random_weights": noise, "pixels": noise}


@pytest.fixture(scope="module")
def found():
    return Pairs.summarise(*asked_of())


def test_who_sees_it_and_reads_the_question_is_right(found):
    assert found["score"] > 0.9 > found["chance"] == CHANCE
    assert found["by_frame"][1] > 0.9
    assert found["held_out"] == 60
    assert found["apart_mm"]["all"] == 2.0


def test_shortcuts_are_at_chance_by_construction(found):
    for name in ("question alone", "model, first frame", "random_weights, first frame"):
        assert found["both_right"][name] == {"value": CHANCE, "low": CHANCE, "high": CHANCE}
        assert found["one_right"][name]["value"] == 0.5
    for name in ("random_weights, in order", "model, last frame"):
        assert abs(found["both_right"][name]["value"] - CHANCE) < 0.2
        assert found["ahead_of"][name]["low"] > 0.3


def test_who_sees_it_and_cannot_read_is_right_or_wrong_in_both(found):
    assert abs(found["one_right"]["clip without words"]["value"] - 0.5) < 0.2
    assert abs(found["both_right"]["clip without words"]["value"] - 0.5) < 0.2


def test_broken_labels_show():
    items, features = asked_of()
    for item in items:
        item.row["answers"][1] = item.row["answers"][0]
    assert Pairs.summarise(items, features)["both_right"]["question alone"]["value"] == 1.0
    items, features = asked_of()
    rng = np.random.default_rng(1)
    for item in items:
        item.row["answers"][:] = item.row["answers"][:: rng.choice((-1, 1))]
    assert Pairs.summarise(items, features)["score"] < 0.75


def test_pairs_that_do_not_begin_alike_show():
    items, features = asked_of()
    features["model"][:, :, 0, 0] += [-1.0, 1.0]
    assert Pairs.summarise(items, features)["both_right"]["model, first frame"]["value"] != CHANCE


def test_both_or_nothing():
    right = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    assert both(right)["value"] == (1 + 0.25) / 4
    assert one(right)["value"] == 5 / 8


def test_another_text_encoder_can_be_put_in_its_place():
    items, features = asked_of()

    def first_letters(texts):
        return np.array([[text.endswith("lifts the object."), 1.0] for text in texts], dtype=float)

    clips = features["model"].reshape(len(items), 2, -1)
    told = Asked(items, first_letters).right(clips)
    lifts = [
        item.row["choices"][0].endswith("lifts the object.")
        != item.row["choices"][1].endswith("lifts the object.")
        for item in items[3::4]
    ]
    assert told[np.array(lifts)].mean() > 0.9
    assert (told[~np.array(lifts)] == 0.5).all()
