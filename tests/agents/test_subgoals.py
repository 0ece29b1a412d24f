"""When the next goal picture's turn comes."""

import numpy as np
import pytest

from agents.subgoals import SubGoals, arrived

BUDGETS = np.array([4, 3, 2])


def walk(rule, reached):
    sub_goals = SubGoals(BUDGETS, rule)
    return [sub_goals.step(lambda k, step=step: (step, k) in reached) for step in range(10)]


def test_arrival_moves_on_at_once_and_the_last_picture_stays():
    assert walk("arrival", {(1, 0), (2, 1), (3, 2)}) == [0, 1, *[2] * 8]


def test_a_picture_passed_by_unnoticed_does_not_hold_up_the_others():
    assert walk("arrival", set()) == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_the_schedule_does_not_look():
    everything = {(step, k) for step in range(10) for k in range(3)}
    assert walk("schedule", everything) == walk("arrival", set())
    with pytest.raises(ValueError, match="arrival, schedule"):
        SubGoals(BUDGETS, "sometimes")


def test_arrived_is_there_and_as_closed():
    here = np.array([0.5, 0.0, 0.9, 0.0, 0.0, 0.0, 0.4])
    for change, there in (((0.01, 0, 0.05), True), ((0.02, 0, 0), False), ((0, 0, 0.2), False)):
        x, y, closedness = change
        pose = here + np.array([x, y, 0, 0, 0, 0, closedness])
        assert arrived(pose, here) is there


@pytest.mark.parametrize(("rule", "settled"), [("arrival", True), ("schedule", False)])
def test_the_gripper_is_left_alone_while_the_last_picture_is_brought_about(rule, settled):
    sub_goals, action = SubGoals(np.array([1, 9]), rule), np.arange(1.0, 8.0)
    seen = []
    for there in ((0,), (1,), (), (1,)):
        sub_goals.step(lambda k, there=there: k in there)
        seen.append(sub_goals.settle(action))
    assert [bool(a[6] == 0.0) for a in seen] == [False, settled, False, settled]
    assert all((a[:6] == action[:6]).all() for a in seen)
