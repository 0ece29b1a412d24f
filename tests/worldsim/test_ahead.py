"""Batches made one step ahead."""

from __future__ import annotations

import threading

import pytest

from worldsim.training.ahead import Ahead


def test_every_step_gets_its_own_batch_made_once_and_none_beyond_the_last():
    made = []

    def make(step: int) -> str:
        made.append((step, threading.current_thread() is threading.main_thread()))
        return f"batch {step}"

    with Ahead(make, 5) as ahead:
        assert [ahead(step) for step in (2, 3, 4)] == ["batch 2", "batch 3", "batch 4"]
    assert made == [(2, False), (3, False), (4, False)]


def test_a_step_out_of_turn_is_made_too():
    with Ahead(lambda step: step * step, 100) as ahead:
        assert [ahead(step) for step in (7, 3, 4, 4)] == [49, 9, 16, 16]


def test_what_goes_wrong_is_raised_where_the_batch_is_asked_for():
    def make(step: int) -> int:
        if step == 1:
            raise OSError("no disk")
        return step

    with Ahead(make, 3) as ahead:
        assert ahead(0) == 0
        with pytest.raises(OSError, match="no disk"):
            ahead(1)
