"""What is pressed and pushed becomes the action that the page tells of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import envs
from experiments.teleop.hand import MOVES, Hand


@pytest.fixture(scope="module")
def env():
    return envs.make("grasp", cameras=("left",), obs_mode="state").unwrapped


def test_keys_push_entries_of_the_action_and_opposite_keys_cancel():
    both = Hand(held=frozenset(["KeyW", "KeyS", "KeyR"]))
    assert both.action(0.0).tolist() == [0, 0, 0.4, 0, 0, 0, 0]
    fine = Hand(held=frozenset(["KeyA", "ShiftLeft"]))
    assert fine.action(0.0) == pytest.approx([0, 0.08, 0, 0, 0, 0, 0])
    assert not Hand(held=frozenset(["KeyW", "KeyS"])).acts


def test_a_tap_is_a_step_and_the_grippers_key_works_once():
    assert Hand(pressed=("KeyD",)).action(0.0)[1] == -0.4
    assert Hand(pressed=("Space",)).action(0.0)[6] == 1
    assert Hand(pressed=("Space",)).action(1.0)[6] == -1
    assert not Hand(held=frozenset(["Space"])).acts
    assert Hand(held=frozenset(["Period"])).acts


def test_sticks_and_keys_add_up_within_the_box():
    hand = Hand(held=frozenset(["KeyW"]), axes=(0.9, -0.5, 0, 0, 0, 0, 0))
    assert hand.action(0.0).tolist() == [1, -0.5, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "message",
    [
        *(None, [], {}, {"held": [], "pressed": []}, {"held": [1], "pressed": [], "axes": [0] * 7}),
        *({"held": "KeyW", "pressed": 5, "axes": [0] * 7},),
        *({"held": [], "pressed": [], "axes": axes} for axes in ([0] * 6, [[0] * 7], ["a"] * 7)),
        *({"held": [], "pressed": [], "axes": [x] * 7} for x in (float("nan"), 10**400, None)),
        {"held": ["KeyW"] * 65, "pressed": [], "axes": [0] * 7},
    ],
)
def test_what_no_hand_does_is_refused(message):
    with pytest.raises(ValueError):
        Hand.of(message)


@pytest.mark.parametrize("key", MOVES)
def test_every_direction_is_the_one_the_page_tells(env, key):
    env.reset(seed=100_000)
    env.step(Hand(held=frozenset(["KeyR"])).action(0.0))  # clear of the table
    before = env.observe()[0]["proprio"]
    for _ in range(2):
        env.step(Hand(held=frozenset([key])).action(0.0))
    after = env.observe()[0]["proprio"]
    entry, amount = MOVES[key]
    if entry < 3:
        moved = (after - before)[:3]
        assert np.abs(moved).argmax() == entry
        assert np.sign(moved[entry]) == np.sign(amount)
    else:
        fingers = fingertips(after) - fingertips(before)
        wanted = {
            "ArrowUp": (0, 1),
            "ArrowDown": (0, -1),
            "ArrowLeft": (1, 1),
            "ArrowRight": (1, -1),
        }
        axis, sign = wanted.get(key, (5, np.sign(amount)))
        turn = np.angle(np.exp(1j * (after - before)[5]))
        assert np.sign(turn if axis == 5 else fingers[axis]) == sign


def fingertips(proprio):
    """(3,) which way the fingers point."""
    return Rotation.from_euler("xyz", proprio[3:6]).apply([0, 0, 1])
