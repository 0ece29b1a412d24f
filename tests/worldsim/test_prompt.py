"""Waiting is imitated less than what brings the end of a move nearer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worldsim.test_releases import FRAMES, episodes, holding
from worldsim.training import prompt
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.prompt import Prompt

HELD = 6
"""Frames before which the fingers close."""


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """So few frames are known after so many steps."""
    monkeypatch.setattr(prompt, "_STEPS", 300)


def walked(waits):
    """Episodes in which a thing is taken at 0 and let go at 10 cm; some wait on the way."""
    arrays = episodes(*[holding((HELD, 19))] * len(waits))
    for episode, wait in enumerate(waits):
        way = np.linspace(0.0, 0.1, 19 - HELD - wait)
        stop = len(way) // 2
        way = np.concatenate([way[:stop], np.full(wait, way[stop]), way[stop:]])
        rows = episode * FRAMES + np.arange(FRAMES)
        arrays.proprio[rows, :3] = 0.0
        arrays.proprio[rows[HELD:19], 0] = way
        arrays.proprio[rows[19], 0] = 0.1
    return arrays


def test_a_chunk_of_waiting_weighs_less_than_a_chunk_on_the_way():
    waits = [0] * 6 + [5] * 2
    arrays = walked(waits)
    found = HindsightMoves.of(arrays, ("expert",))
    weighed = Prompt.of(arrays, found, 4, seed=0)
    chances = np.diff(weighed.reach, prepend=0.0)
    by_frame = dict(zip(weighed.frames.tolist(), chances.tolist(), strict=True))
    first = 7 * FRAMES + HELD + (19 - HELD - 5) // 2  # the first frame of a wait
    assert by_frame[first] < 0.3 * by_frame[HELD + 4]
    drawn = weighed.draw(np.random.default_rng(0), 20_000)
    assert set(drawn) <= set(found.making)
    share = (drawn == first).mean()
    assert abs(share - by_frame[first]) < 0.005


def test_the_same_data_weigh_the_same():
    arrays = walked([0, 5])
    found = HindsightMoves.of(arrays, ("expert",))
    once, again = (Prompt.of(arrays, found, 4, seed=0) for _ in range(2))
    np.testing.assert_array_equal(once.reach, again.reach)
