"""Altered pictures: alike within a sample and view, different between them; copies of episodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import envs
from envs.variations import register_variation
from envs.variations.camera import Viewpoint
from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.training.altered import altered, carried
from worldsim.training.copies import with_copies
from worldsim.training.posttrain import encode_all

CAMERAS = ("left", "wrist")


@pytest.fixture
def pictures() -> torch.Tensor:
    """The same scene, (400, 3, 2, 32, 32, 3): smooth, coloured, and the same in every frame."""
    across = torch.linspace(0, 200, 32)
    one = torch.stack([across.expand(32, 32), across.expand(32, 32).T, 0 * across.expand(32, 32)])
    return one.permute(1, 2, 0).to(torch.uint8).expand(400, 3, 2, 32, 32, 3)


def test_frames_of_one_sample_and_view_are_altered_alike(pictures):
    found = altered(pictures, CAMERAS, np.random.default_rng(0))
    assert found.shape == pictures.shape
    assert found.dtype == torch.uint8
    levels = found.float()
    # Their light differs by at most 6 %, either way.
    within = (levels[:, 0] - levels[:, 1]).abs().mean(dim=(2, 3, 4))  # (400, 2)
    between = (levels[1:, 0] - levels[:-1, 0]).abs().mean(dim=(2, 3, 4))
    assert within.max() <= 0.13 * 255
    assert between.median() > 4 * within.median()


def test_views_are_altered_apart_and_some_of_them_not_at_all(pictures):
    found = altered(pictures, CAMERAS, np.random.default_rng(0))
    apart = (found[:, :, 0].float() - found[:, :, 1].float()).abs().mean(dim=(1, 2, 3, 4))
    assert (apart > 1).float().mean() > 0.8
    off = (found.float() - pictures.float()).abs().amax(dim=(1, 3, 4, 5)).flatten()
    assert 0 < (off <= 1).sum() < 0.05 * len(off)


def test_the_tables_plane_is_seen_as_from_another_viewpoint():
    """What is carried looks like what a camera that stands there sees, and stays if it does not."""
    same, turned = carried(0.0, 0.0, 1.0, 0.0), carried(0.5, 0.1, 1.05, 0.0)
    np.testing.assert_allclose(same / same[2, 2], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(turned[:2, 2], [0.0, 0.0], atol=1e-9)  # the middle stays
    points = np.array([[x, y, 0.9] for x in (-0.15, 0.0, 0.15) for y in (-0.2, 0.0, 0.2)])
    here, there = (places_from(around, points) for around in (0.0, 20.0))
    found = np.append(there, np.ones((9, 1)), axis=1) @ carried(np.radians(20), 0, 1, 0).T
    off = [np.abs(places - here).mean() for places in (found[:, :2] / found[:, 2:], there)]
    assert off[0] < 0.04 < 0.1 < off[1]


def places_from(around_deg: float, points: np.ndarray) -> np.ndarray:
    """Where the left camera, carried round, sees points (n, 3) of the world: (n, 2)."""

    class Around(Viewpoint):
        def sample(self, rng):
            return {"around_deg": around_deg, "up_deg": 0.0, "distance": 1.0}

    name = f"around-{around_deg:g}"
    register_variation(name, (Around("training"),))
    env = envs.make("grasp", cameras=CAMERAS[:1], variation=name)
    env.reset(seed=190_000)
    camera, fovy = env.unwrapped.data.camera("left"), env.unwrapped.model.camera("left").fovy[0]
    seen = (points - camera.xpos) @ camera.xmat.reshape(3, 3) / np.tan(np.radians(fovy) / 2)
    depth = -seen[:, 2:] * np.tan(np.radians(fovy) / 2)
    return seen[:, :2] / depth * [1.0, -1.0]


def test_a_picture_is_moved_as_well_as_recoloured():
    dots = torch.full((60, 1, 1, 64, 64, 3), 40, dtype=torch.uint8)
    dots[:, :, :, 28:36, 28:36] = 220
    found = altered(dots, CAMERAS, np.random.default_rng(0))[:, 0, 0].float().mean(dim=-1)
    bright = (found - found.amin(dim=(1, 2), keepdim=True)).square()
    places = torch.arange(64.0)
    across = (bright.sum(dim=1) * places).sum(dim=1) / bright.sum(dim=(1, 2))
    assert 1.5 < across.std() < 8
    assert (across.mean() - 31.5).abs() < 2
    size = (found > found.mean(dim=(1, 2), keepdim=True) + 40).float().sum(dim=(1, 2)).sqrt()
    assert size.std() > 0.5


def test_grey_stays_grey_but_for_the_tint_and_hues_turn_about_it():
    grey = torch.full((50, 1, 1, 16, 16, 3), 120, dtype=torch.uint8)
    levels = (
        altered(grey, CAMERAS, np.random.default_rng(1)).float().mean(dim=(1, 2, 3, 4))
    )  # (50, 3)
    assert (levels.amax(dim=1) - levels.amin(dim=1)).median() < 40
    red = grey.clone()
    red[..., 1:] = 30
    found = altered(red, CAMERAS, np.random.default_rng(1)).float().mean(dim=(1, 2, 3, 4))
    assert set(found.argmax(dim=1).tolist()) == {0, 1, 2}


def test_copies_stand_behind_the_episodes_and_can_be_made_again():
    model, arrays = small_model(), toy_arrays(3)
    latents = encode_all(model, arrays)
    assert with_copies(model, arrays, latents, 0, 0) is latents
    one, two = (with_copies(model, arrays, latents, 2, 5) for _ in range(2))
    count = len(arrays.proprio)
    assert torch.equal(one.frames, two.frames)
    assert torch.equal(one.frames[:count], latents.frames)
    assert one.frames.shape == (3 * count, *latents.frames.shape[1:])
    assert not torch.equal(one.frames[count : 2 * count], one.frames[2 * count :])
    assert not torch.equal(one.frames[count : 2 * count], latents.frames)
    np.testing.assert_array_equal(one.proprio, np.tile(arrays.proprio, (3, 1)))
    assert one.lengths.tolist() == 3 * arrays.lengths.tolist()
    assert one.ends[-1] == 3 * count - 1
