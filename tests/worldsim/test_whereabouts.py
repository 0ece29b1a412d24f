"""What the hand's way tells of where things stood."""

from __future__ import annotations

import numpy as np

from tests.worldsim.test_releases import FRAMES, episodes, holding
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.whereabouts import Whereabouts


def known(places, *runs, heights=0.0):
    """Of an episode whose hand is at x = places (FRAMES,) metres, holding something in runs."""
    arrays = episodes(holding(*runs))
    arrays.proprio[:, 0], arrays.proprio[:, 1], arrays.proprio[:, 2] = places, 0.0, heights
    return Whereabouts.of(arrays, HindsightMoves.of(arrays, ("expert",)))


def way(**stays):
    """(FRAMES,) a hand that is at 0.5 but for some frames, told as x=(first, last)."""
    places = np.full(FRAMES, 0.5, dtype=np.float32)
    for place, (first, last) in stays.items():
        places[first:last] = float(place[1:]) / 100
    return places


def test_a_thing_stands_where_it_was_while_the_hand_is_not_near():
    # Comes at 4, takes it at 6, lets go at 9, leaves at 11.
    found = known(way(x10=(4, 8), x30=(8, 11)), (6, 9))
    assert (found.since[0], found.until[0]) == (0, FRAMES - 1)
    asked = found.ask(np.random.default_rng(0), 200)
    assert set(asked.here) == {0, 1, 2, 3}  # before the hand comes for it
    assert set(asked.goals) == set(range(10, FRAMES))
    np.testing.assert_allclose(asked.first[:, [0, 3]], [[0.1, 0.3]] * 200, atol=1e-6)
    assert not asked.known.any()


def test_a_hand_that_was_near_may_have_moved_it():
    found = known(way(x14=(1, 2), x10=(4, 8), x30=(8, 11), x24=(15, 16)), (6, 9))
    assert (found.since[0], found.until[0]) == (2, 14)


def test_who_closes_again_at_once_tells_nothing_of_before():
    found = known(way(x10=(4, 8), x30=(8, 15), x45=(15, FRAMES)), (6, 9), (11, 17))
    assert found.again.tolist() == [1, -1]
    assert (found.before.count > 0).tolist() == [True, False]


def test_a_thing_is_followed_through_several_moves():
    # Let go at 0.30, taken again 2 cm beside, let go at 0.70: at once it goes 2 cm short of that.
    places = way(x10=(3, 5), x30=(5, 7), x32=(10, 13), x70=(13, 16))
    found = known(places, (4, 6), (11, 14))
    assert found.again.tolist() == [1, -1]
    here, goals, moves, *_ = found.ask(np.random.default_rng(0), 4000)
    both = (here < 3) & (np.abs(moves[:, 3] - 0.68) < 1e-4)
    assert both.mean() > 0.05
    assert (goals[both] >= 15).all()
    once = (here < 3) & ~both
    np.testing.assert_allclose(moves[once, 3], 0.30, atol=1e-6)
    # Where the second move leads is no place of the first.
    assert (goals[once] <= found.until[0]).all()


def test_other_things_may_be_moved_in_between():
    places = way(x10=(2, 5), x20=(5, 7), x60=(9, 12), x80=(12, 14))
    found = known(places, (3, 6), (10, 13))
    _, goals, moves, *_ = found.ask(np.random.default_rng(0), 2000)
    first = np.abs(moves[:, 0] - 0.1) < 1e-6
    np.testing.assert_allclose(moves[first, 3], 0.2, atol=1e-6)
    assert set(np.unique(goals[first] > 10)) == {False, True}


def test_what_is_put_upon_a_thing_leaves_it_there():
    places = way(x10=(2, 5), x30=(5, 7), x70=(9, 12), x31=(12, 15))
    heights = np.where((places > 0.305) & (places < 0.315), 0.05, 0.0)
    beside, upon = (known(places, (3, 6), (10, 13), heights=h) for h in (0.0, heights))
    assert (beside.until[0], upon.until[0]) == (11, FRAMES - 1)
    # Only then is it known in pictures of both; and it is what has to be put down first.
    for found, both in ((beside, False), (upon, True)):
        here, goals, moves, *_ = found.ask(np.random.default_rng(0), 2000)
        stacked = (here < 3) & (goals > 13)
        assert ((np.abs(moves[stacked, 0] - 0.1) < 1e-6) == both).all()


def test_the_first_of_what_was_moved_is_asked_for():
    places = way(x10=(2, 5), x20=(5, 7), x60=(9, 12), x80=(12, 14))
    found = known(places, (3, 6), (10, 13))
    here, _, moves, *_ = found.ask(np.random.default_rng(0), 2000)
    first = np.abs(moves[:, 0] - 0.1) < 1e-6
    assert first[here < 3].all()
    assert not first[here >= 6].any()


def test_where_another_thing_stands_is_told_too():
    places = way(x10=(2, 5), x20=(5, 7), x60=(9, 12), x80=(12, 14))
    asked = known(places, (3, 6), (10, 13)).ask(np.random.default_rng(0), 2000)
    second = asked.second[:, [0, 3]]
    both, early = (asked.here < 3) & (asked.goals > 13), asked.goals < 9
    assert asked.known[both | early].all()
    np.testing.assert_allclose(second[both], [[0.6, 0.8]] * both.sum(), atol=1e-6)
    np.testing.assert_allclose(second[early], [[0.6, 0.6]] * early.sum(), atol=1e-6)  # it stays
    assert both.any()
    assert early.any()


def test_in_most_later_frames_the_hand_is_elsewhere():
    places = way(x10=(4, 8), x30=(8, 11))
    found = known(places, (6, 9))
    _, goals, _, *_ = found.ask(np.random.default_rng(0), 4000)
    assert 0.75 < (places[goals] == 0.5).mean() < 0.95
