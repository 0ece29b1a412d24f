"""Recordings as a model sees them, open-loop errors and nearest frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.data.conftest import episode_of
from tests.worldsim.test_world_model import small_model
from worldsim.imagination import Recording, imagine, nearest, open_loop_errors
from worldsim.states import relative_action


@pytest.fixture(scope="module")
def recording():
    return Recording.of(small_model(), episode_of(1, frames=8))


def test_a_context_is_what_a_plan_starts_from(recording):
    context = recording.context(4, 3)
    torch.testing.assert_close(context.latents, recording.latents[2:5])
    np.testing.assert_array_equal(context.proprio, recording.proprio[2:5])
    np.testing.assert_array_equal(context.target, recording.target[4])
    episode = episode_of(1, frames=8)
    wanted = relative_action(episode.target[2:4], episode.commanded[2:4], episode.proprio[2:4])
    np.testing.assert_allclose(context.actions, wanted)
    assert len(recording.context(0, 3).latents) == 1


def test_imagination_takes_the_recorded_actions_and_no_later_frame(recording):
    model = small_model()
    latents = imagine(model, recording, 2, 4)
    assert latents.shape == (4, *recording.latents.shape[1:])
    blind = Recording(
        recording.latents.clone(),
        recording.proprio,
        recording.target,
        recording.actions,
        recording.relative,
    )
    blind.latents[3:] = 0.0
    torch.testing.assert_close(imagine(model, blind, 2, 4), latents)
    blind.actions[3] *= -1.0
    assert not torch.allclose(imagine(model, blind, 2, 4)[1:], latents[1:])


def test_a_model_that_knows_the_future_has_no_error(recording, monkeypatch):
    model = small_model()
    future = recording.latents[3:6][None]
    monkeypatch.setattr(model, "rollout", lambda context, actions: (future, None))
    imagined, copied = open_loop_errors(model, [(recording, 2)], 3)
    assert (imagined == 0).all()
    assert (copied > 0).all()


def test_the_nearest_frame_to_a_frame_is_itself(recording):
    pool = recording.latents
    assert nearest(pool[[5, 1, 3]] + 0.001, pool).tolist() == [5, 1, 3]
