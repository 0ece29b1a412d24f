"""Altered pictures: alike within a sample and view, different between them; copies of episodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.training.altered import altered, seen_from_elsewhere, with_other_looks
from worldsim.training.copies import with_copies
from worldsim.training.posttrain import encode_all


@pytest.fixture
def pictures() -> torch.Tensor:
    """The same scene, (400, 3, 2, 32, 32, 3): smooth, coloured, and the same in every frame."""
    across = torch.linspace(0, 200, 32)
    one = torch.stack([across.expand(32, 32), across.expand(32, 32).T, 0 * across.expand(32, 32)])
    return one.permute(1, 2, 0).to(torch.uint8).expand(400, 3, 2, 32, 32, 3)


def test_frames_of_one_sample_and_view_are_altered_alike(pictures):
    found = altered(pictures, np.random.default_rng(0))
    assert found.shape == pictures.shape
    assert found.dtype == torch.uint8
    levels = found.float()
    # Their light differs by at most 6 %, either way.
    within = (levels[:, 0] - levels[:, 1]).abs().mean(dim=(2, 3, 4))  # (400, 2)
    between = (levels[1:, 0] - levels[:-1, 0]).abs().mean(dim=(2, 3, 4))
    assert within.max() <= 0.13 * 255
    assert between.median() > 4 * within.median()


def test_views_are_altered_apart_and_some_of_them_not_at_all(pictures):
    found = altered(pictures, np.random.default_rng(0))
    apart = (found[:, :, 0].float() - found[:, :, 1].float()).abs().mean(dim=(1, 2, 3, 4))
    assert (apart > 1).float().mean() > 0.8
    off = (found.float() - pictures.float()).abs().amax(dim=(1, 3, 4, 5)).flatten()
    assert 0 < (off <= 1).sum() < 0.05 * len(off)


def test_a_picture_is_moved_as_well_as_recoloured():
    dots = torch.full((60, 1, 1, 64, 64, 3), 40, dtype=torch.uint8)
    dots[:, :, :, 28:36, 28:36] = 220
    found = altered(dots, np.random.default_rng(0))[:, 0, 0].float().mean(dim=-1)
    bright = (found - found.amin(dim=(1, 2), keepdim=True)).square()
    places = torch.arange(64.0)
    across = (bright.sum(dim=1) * places).sum(dim=1) / bright.sum(dim=(1, 2))
    assert 1.5 < across.std() < 8
    assert (across.mean() - 31.5).abs() < 2
    size = (found > found.mean(dim=(1, 2), keepdim=True) + 40).float().sum(dim=(1, 2)).sqrt()
    assert size.std() > 0.5


def test_grey_stays_grey_but_for_the_tint_and_hues_turn_about_it():
    grey = torch.full((50, 1, 1, 16, 16, 3), 120, dtype=torch.uint8)
    levels = altered(grey, np.random.default_rng(1)).float().mean(dim=(1, 2, 3, 4))  # (50, 3)
    assert (levels.amax(dim=1) - levels.amin(dim=1)).median() < 40
    red = grey.clone()
    red[..., 1:] = 30
    found = altered(red, np.random.default_rng(1)).float().mean(dim=(1, 2, 3, 4))
    assert set(found.argmax(dim=1).tolist()) == {0, 1, 2}


def test_geometry_and_looks_come_apart(pictures):
    some = pictures[:60]
    moved = seen_from_elsewhere(some, np.random.default_rng(0))
    assert torch.equal(moved[:, 0], moved[:, 2])  # the light of every frame is the same
    assert not torch.equal(moved, some)
    marked = torch.full((60, 2, 1, 64, 64, 3), 90, dtype=torch.uint8)
    marked[:, :, :, 30:34, 30:34] = 180
    looks = with_other_looks(marked, np.random.default_rng(0)).float().mean(dim=(1, 5))[:, 0]
    inside, around = looks[:, 30:34, 30:34], looks[:, 22:42, 22:42]
    assert (inside.mean(dim=(1, 2)) > around.mean(dim=(1, 2)) + 3).float().mean() > 0.9
    # Light, shade and patterns: what was even is so no longer.
    even = torch.full((60, 1, 1, 64, 64, 3), 120, dtype=torch.uint8)
    found = with_other_looks(even, np.random.default_rng(0)).float()[:, 0, 0]
    smooth = torch.nn.functional.avg_pool2d(found.permute(0, 3, 1, 2), 8)
    assert (smooth.std(dim=(1, 2, 3)) > 8).float().mean() > 0.3


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
