"""Goals just after something was let go are told by the robot's own state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.worldsim.test_training import toy_arrays
from worldsim.errors import UserError
from worldsim.training.hindsight import Hindsight
from worldsim.training.releases import Releases

FRAMES = 20


def recorded(closedness, commands):
    """Arrays of one episode each, (E, FRAMES) closedness that is reached, and asked for."""
    arrays = toy_arrays(len(closedness), FRAMES)
    arrays.proprio[:, 6], target = np.ravel(closedness), arrays.target.copy()
    target[:, 6] = np.ravel(commands)
    return replace(arrays, target=target)


def holding(*runs, held=0.5):
    """(closedness, commands) of an episode that holds something in frames [first, last) of runs."""
    place, command = np.zeros(FRAMES), np.zeros(FRAMES)
    for first, last in runs:
        place[first:last], command[first:last] = held, 1.0
    return place, command


def episodes(*pairs):
    return recorded(*(np.stack(part) for part in zip(*pairs, strict=True)))


def test_only_what_was_held_is_let_go():
    empty = holding((3, 8), held=1.0)  # fingers that met
    opened = holding((3, 8), held=0.0)  # told to close, and not yet moving
    moving = holding((3, 8))
    moving[0][3:8] = [0.1, 0.3, 0.5, 0.7, 0.9]
    arrays = episodes(holding((3, 8), (11, 14)), empty, opened, moving, holding((4, FRAMES)))
    assert Releases.of(arrays).frames.tolist() == [8, 14]  # the last never opened


def test_a_hold_does_not_reach_over_the_end_of_an_episode():
    arrays = episodes(holding((15, FRAMES)), holding((8, 12)))
    assert Releases.of(arrays).frames.tolist() == [FRAMES + 12]


def test_goals_are_frames_with_open_fingers_after_a_release_of_the_same_episode():
    arrays = episodes(holding((3, 8), (10, 14)), holding((5, 9)))
    releases, rng = Releases.of(arrays), np.random.default_rng(0)
    assert releases.until.tolist() == [9, 17, FRAMES + 12]  # closes again at 10
    assert releases.follows(np.arange(FRAMES)).tolist() == [True] * 18 + [False] * 2
    early = releases.goals(np.zeros(4000, dtype=np.int64), rng)
    assert set(early) == {9, 15, 16, 17}
    assert 0.45 < (early == 9).mean() < 0.55  # half of them after the next
    assert set(releases.goals(np.full(99, 10), rng)) == {15, 16, 17}
    assert set(releases.goals(np.full(99, 16), rng)) == {16, 17}  # still open: hold still
    assert set(releases.goals(np.full(99, FRAMES), rng)) == set(FRAMES + np.array([10, 11, 12]))


def test_detours_are_no_way_to_a_goal():
    releases, rng = Releases.of(episodes(holding((3, 8), (12, 16))), 5), np.random.default_rng(0)
    assert np.flatnonzero(releases.follows(np.arange(FRAMES))).tolist() == [*range(3, 20)]
    assert set(releases.goals(np.full(99, 3), rng)) == {9, 10, 11}  # the second took 13, not 10
    assert set(releases.goals(np.full(999, 8), rng)) == {9, 10, 11, 17, 18, 19}


def test_hindsight_takes_a_share_of_them():
    arrays = episodes(holding((3, 8)), holding((5, 9)))
    now, rng = np.zeros(4000, dtype=np.int64), np.random.default_rng(0)
    after = {9, 10, 11}
    for share, least, most in ((1.0, 1.0, 1.0), (0.5, 0.5, 0.7)):
        goals, steps = Hindsight.of(arrays, ("expert",), share).sample(now, 40, rng)
        assert least <= np.isin(goals, list(after)).mean() <= most
        assert (goals - now == steps).all()
    chosen = Hindsight.of(arrays, ("expert",), 1.0).demonstrations()
    assert chosen.max() == FRAMES + 12  # nothing is let go after
    assert Hindsight.of(arrays, ("expert",), 0.5).demonstrations().max() == 2 * FRAMES - 2
    late = np.full(9, FRAMES - 3)
    assert (Hindsight.of(arrays, ("expert",), 1.0).sample(late, 40, rng)[0] >= late).all()


def test_without_such_goals_batches_are_as_they_were():
    arrays, now = toy_arrays(3, 8), np.arange(7)
    plain, none = Hindsight.of(arrays, ("expert",)), Hindsight.of(arrays, ("expert",), 0.0)
    assert none.releases is None
    drawn = [h.sample(now, 20, np.random.default_rng(4))[0] for h in (plain, none)]
    assert (drawn[0] == drawn[1]).all()


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_goals_that_no_episode_has_are_refused(share):
    arrays = episodes(holding((3, 8), held=1.0))
    with pytest.raises(UserError, match="nothing is taken and let go"):
        Hindsight.of(arrays, ("expert",), share)
