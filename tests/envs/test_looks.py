"""What an episode's scene wears: its own looks, or the plain ones."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from envs.variations import VARIATIONS, register_variation
from envs.variations.factors import FACTORS

LOOKS = "all looks"


@pytest.fixture(autouse=True)
def _looks():
    names = ("texture", "room", "distractors", "light", "viewpoint", "camera", "image")
    register_variation(LOOKS, tuple(FACTORS[name]("held-out:3") for name in names))
    yield
    del VARIATIONS[LOOKS]


def test_the_plain_look_is_that_of_the_plain_scene():
    options = {"cameras": ("left", "wrist"), "image_size": 48}
    usual = envs.make("grasp", **options)
    other = envs.make("grasp", variation=LOOKS, **options)
    seen, altered = usual.reset(seed=190_000)[0], other.reset(seed=190_000)[0]
    env = other.unwrapped
    now = env.state()
    assert not np.array_equal(altered["image_left"], seen["image_left"])
    with env.plain_look():
        for camera in ("left", "wrist"):
            np.testing.assert_array_equal(env.picture(camera), seen[f"image_{camera}"])
    np.testing.assert_array_equal(env.state(), now)
    np.testing.assert_array_equal(env.picture("left"), altered["image_left"])


def test_the_plain_look_keeps_the_object_but_not_its_colour():
    env = envs.make("grasp", cameras=("left",), image_size=48, variation="new-lab").unwrapped
    env.reset(seed=190_000)
    half, place = env.scene.half_size(), env.scene.object_position()
    painted = env.model.geom_rgba[env.model.geom("object_geom").id].copy()
    with env.plain_look():
        np.testing.assert_array_equal(env.scene.half_size(), half)
        np.testing.assert_array_equal(env.scene.object_position(), place)
        assert not np.array_equal(env.model.geom_rgba[env.model.geom("object_geom").id], painted)
    np.testing.assert_array_equal(env.model.geom_rgba[env.model.geom("object_geom").id], painted)
