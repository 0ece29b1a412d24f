"""What goes on is told by the simulator, and who knows more of the future scores more."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.understand.anticipate import SKILLS, Anticipate, Now, skill, watch
from experiments.understand.counterfactual import bare_env
from experiments.understand.items import Item

HERE = np.zeros(3)


def now(fingers=0, clearance=0.0, tool=0.1):
    return Now(np.array([tool, 0.0, 0.0]), HERE, clearance, fingers, False)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (now(tool=0.10), now(tool=0.08), "approach"),
        (now(tool=0.08), now(tool=0.10), "retreat"),
        (now(), now(), "wait"),
        (now(), now(fingers=1), "touch"),
        (now(), now(fingers=2), "grip"),
        (now(2, 0.00), now(2, 0.03), "lift"),
        (now(2, 0.06), now(2, 0.03), "lower"),
        (now(2, 0.03), now(2, 0.00), "lower"),
        (now(2, 0.06), now(2, 0.06), "carry"),
    ],
)
def test_skills(before, after, told):
    assert skill(before, after) == told
    assert told in SKILLS


def test_explorers_pause_at_random():
    env = bare_env("default")
    still = []
    for seed in range(100_000, 100_004):
        seen, known = watch(env, seed, np.random.default_rng(seed))
        assert len(known) == len(seen) + 1
        still += [not step.command.any() for step in seen]
    assert 0.05 < np.mean(still) < 0.6


def test_what_only_imagination_knows_puts_it_ahead():
    rng, n = np.random.default_rng(0), 240
    told = rng.integers(3, size=n)
    names = np.array(["approach", "grip", "lift"])
    items = [
        Item(
            seed,
            row={
                "skill": names[one],
                "skill_now": names[0],
                "contact": bool(one > 0),
                "contact_now": False,
                "success": False,
            },
        )
        for seed, one in enumerate(told)
    ]
    noise = {
        name: rng.normal(size=(n, 4))
        for name in (
            *("model", "random_weights", "random_weights, imagined"),
            *("proprio", "pixels", "commands"),
        )
    }
    found = Anticipate.summarise(items, noise | {"model, imagined": np.eye(3)[told]})
    assert found["score"] == 1.0
    assert found["ahead_of"]["encoder"]["low"] > 0.3
    assert abs(found["recall"]["skill"]["encoder"]["value"] - 1 / 3) < 0.2
    assert found["recall"]["skill"]["persistence"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["recall"]["contact"]["persistence"]["value"] == 0.5
    assert found["recall"]["success"] == {}  # all answers are the same: nothing is asked
