"""Imagination that errs is trusted less; one that is right as much as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.worldsim.test_world_model import context, small_model
from worldsim.surprise import Surprise
from worldsim.world_model import WorldModel


def model_with(error: float | None) -> WorldModel:
    model = small_model()
    model.config = replace(model.config, one_step_error=error)
    return model


def after(model: WorldModel, gain: float, errors: list[float]) -> Surprise:
    """Surprise over an episode in which predictions were off by so much."""
    surprise, start, action = Surprise(model, gain), context(model, 2), torch.full((7,), 0.3)
    for error in errors:
        with torch.inference_mode():
            right = model.rollout(start, action[None, None])[0][0, 0]
        surprise.expect(start, action)
        surprise.see(right + error)
    return surprise


def test_a_predictor_that_is_right_is_trusted_as_ever():
    model = model_with(0.1)
    assert Surprise(model, 1.0).caution == 1.0
    assert after(model, 1.0, [0.0, 0.1, 0.05]).mean == pytest.approx(0.5, abs=1e-4)
    assert after(model, 1.0, [0.0, 0.1, 0.05]).caution == 1.0


def test_a_predictor_that_is_wrong_is_trusted_less_the_more_it_errs():
    model = model_with(0.1)
    found = [after(model, 1.0, [error] * 2).caution for error in (0.11, 0.2, 0.5, 1e6)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(1.105, abs=1e-3)  # smooth where it begins
    assert found[-1] > 1e9
    assert after(model, 2.0, [0.2]).caution == pytest.approx(found[1] ** 2, rel=1e-3)


def test_an_episode_forgets_the_last_one():
    surprise = after(model_with(0.1), 1.0, [0.5])
    surprise.reset()
    surprise.see(torch.zeros(8, 24))  # the first picture was not predicted
    assert surprise.caution == 1.0


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match="one_step_error"):
        Surprise(model_with(None), 1.0)
    with pytest.raises(ValueError, match="at least 0"):
        Surprise(model_with(0.1), -1.0)
