"""Multi-block masks and the masked predictor that uses them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from worldsim.vjepa2 import (
    LONG_RANGE,
    SHORT_RANGE,
    MaskConfig,
    Predictor,
    PredictorConfig,
    sample_masks,
)

GRID = (4, 16, 16)


@pytest.mark.parametrize("config", [SHORT_RANGE, LONG_RANGE])
def test_visible_and_hidden_never_meet(config):
    visible, hidden = sample_masks(config, GRID, batch=6, rng=np.random.default_rng(0))
    assert visible.shape[0] == hidden.shape[0] == 6
    for seen, wanted in zip(visible.tolist(), hidden.tolist(), strict=True):
        assert not set(seen) & set(wanted)
        assert sorted(set(seen)) == seen
        assert sorted(set(wanted)) == wanted
        assert min(seen + wanted) >= 0
        assert max(seen + wanted) < 4 * 16 * 16


@pytest.mark.parametrize("config", [SHORT_RANGE, LONG_RANGE])
def test_a_place_is_hidden_in_every_frame(config):
    visible, hidden = sample_masks(config, GRID, batch=1, rng=np.random.default_rng(1))
    steps = hidden[0].view(4, -1) % 256
    assert (steps == steps[0]).all()
    assert len(visible[0]) + len(hidden[0]) == 4 * 256


def test_the_shares_hidden_are_those_of_the_paper():
    """About 90% of a clip is hidden on average (V-JEPA, section 3.2)."""
    rng = np.random.default_rng(2)
    for config, low, high in ((SHORT_RANGE, 0.6, 0.9), (LONG_RANGE, 0.7, 0.97)):
        shares = [sample_masks(config, GRID, 1, rng)[1].shape[1] / 1024 for _ in range(200)]
        assert low < np.mean(shares) < high


def test_the_generator_alone_decides():
    first, second, other = (
        sample_masks(SHORT_RANGE, GRID, 3, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert first[0].shape != other[0].shape or not torch.equal(first[0], other[0])


def test_small_grids_always_leave_something_to_see():
    rng = np.random.default_rng(3)
    for config in (SHORT_RANGE, LONG_RANGE):
        for _ in range(50):
            visible, hidden = sample_masks(config, (2, 4, 4), 4, rng)
            assert visible.shape[1] > 0
            assert hidden.shape[1] > 0


def test_impossible_masks_are_refused():
    with pytest.raises(ValueError, match="cover the whole grid"):
        sample_masks(MaskConfig(1, 0.99, (1.0, 1.0)), (2, 4, 4), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least one block"):
        MaskConfig(0, 0.5)
    with pytest.raises(ValueError, match="scale inside"):
        MaskConfig(1, 1.0)


@pytest.fixture
def predictor() -> Predictor:
    model = Predictor(PredictorConfig((4, 4), 24, 48, depth=2, num_heads=2, num_mask_tokens=2))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


@torch.no_grad()
def test_predictions_know_their_place(predictor):
    context, seen = torch.randn(2, 5, 24), torch.tensor([[0, 2, 5, 9, 17]]).expand(2, -1)
    wanted = torch.tensor([[1, 3, 30]]).expand(2, -1)
    got = predictor(context, seen, wanted)
    assert got.shape == (2, 3, 24)
    assert (got[:, 0] - got[:, 2]).abs().max() > 1e-4
    swapped = predictor(context, seen, wanted[:, [2, 1, 0]])
    torch.testing.assert_close(swapped, got[:, [2, 1, 0]], atol=1e-5, rtol=0)


@torch.no_grad()
def test_only_the_chosen_mask_token_is_used(predictor):
    context, seen, wanted = torch.randn(1, 2, 24), torch.tensor([[0, 1]]), torch.tensor([[5]])
    before = predictor(context, seen, wanted, mask_index=0)
    nn.init.normal_(predictor.mask_tokens[1])
    assert torch.equal(before, predictor(context, seen, wanted, mask_index=0))


def test_masks_that_do_not_fit_are_refused(predictor):
    with pytest.raises(ValueError, match="do not fit"):
        predictor(torch.zeros(2, 5, 24), torch.zeros(2, 4).long(), torch.zeros(2, 3).long())
