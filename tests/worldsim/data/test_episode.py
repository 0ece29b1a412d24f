"""An episode that makes no sense is refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"commanded": np.zeros((6, 7), np.float32)}, r"commanded has shape \(6, 7\)"),
        ({"proprio": np.zeros((6, 7))}, "proprio .* float64: .* float32 is needed"),
        ({"target": np.full((6, 7), np.nan, np.float32)}, "target .* not finite"),
        ({"physics": np.full((6, 2), np.inf)}, "physics .* not finite"),
        ({"physics": np.zeros(6)}, r"physics has shape \(6,\)"),
        ({"proprio": np.full((6, 7), 400, np.float32)}, "400.0: metres are meant"),
        ({"images": {"left": np.zeros((5, 8, 8, 3), np.uint8)}}, "image_left"),
        ({"images": {"left": np.zeros((6, 8, 8), np.uint8)}}, "image_left"),
        ({"images": {"left": np.zeros((6, 8, 8, 3), np.float32)}}, "image_left .* uint8"),
        ({"stage": np.full(6, -1, np.int8)}, "stage must be an index, at least 0"),
        ({"action": np.full((5, 7), 1.5, np.float32)}, "action has an entry of size 1.5"),
        ({"action": np.zeros((6, 7), np.float32)}, "action has shape"),
        ({"stage": np.zeros(6, np.int64)}, "stage .* int8"),
        ({"seed": -1}, "seed -1"),
        ({"branch_of": -2}, "branch_of -2"),
        ({"policy": ""}, "must be named"),
    ],
)
def test_nonsense_is_refused(make_episode, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_episode(0, **changes)


def test_one_frame_is_no_episode(make_episode):
    with pytest.raises(ValueError, match="at least 2 frames: 1"):
        make_episode(0, 1)


def test_the_digest_is_of_states_and_commands(make_episode):
    episode = make_episode(0)
    other_pictures = {c: np.zeros_like(x) for c, x in episode.images.items()}
    assert make_episode(0, images=other_pictures).digest() == episode.digest()
    states = episode.physics.copy()
    states[-1, -1] = np.nextafter(states[-1, -1], 1)
    assert make_episode(0, physics=states).digest() != episode.digest()
    assert make_episode(0, commanded=-episode.commanded).digest() != episode.digest()
