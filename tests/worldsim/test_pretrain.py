"""Stage 1 learns without actions, resumes exactly, and refuses what it cannot learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.worldsim.test_training import toy_arrays
from worldsim.training.loop import LoopConfig
from worldsim.training.options import PretrainConfig
from worldsim.training.pretrain import clips, train_pretrain
from worldsim.training.run import TrainingRun
from worldsim.vjepa2 import Encoder, EncoderConfig, Predictor, PredictorConfig

SMALL = PretrainConfig(batch=8, frames=4, ema=0.98)


def small_parts(seed: int = 0) -> tuple[Encoder, Predictor]:
    torch.manual_seed(seed)
    encoder = EncoderConfig(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=4)
    predictor = PredictorConfig((4, 4), 24, 24, depth=2, num_heads=4, num_mask_tokens=2)
    return Encoder(encoder), Predictor(predictor)


def train(parts, loop, folder, config=SMALL, arrays=None):
    return train_pretrain(*parts, arrays or toy_arrays(), config, loop, TrainingRun(folder))


def test_hidden_places_are_guessed_better_and_features_tell_clips_apart(tmp_path):
    _, start = train(small_parts(), LoopConfig(1, warmup=1), tmp_path / "start")
    target, end = train(small_parts(), LoopConfig(120, 3e-3, warmup=10), tmp_path / "run")
    assert end["short"] < 0.7 * start["short"]
    assert end["long"] < 0.7 * start["long"]
    video = clips(toy_arrays(), np.arange(4) + 8 * np.arange(4)[:, None], np.zeros(4, int))
    features = target(video)
    assert features.std(dim=0).mean() > 0.05  # not collapsed


def test_the_target_is_a_moving_average(tmp_path):
    parts = small_parts()
    before = {k: v.clone() for k, v in parts[0].state_dict().items()}
    target, _ = train(parts, LoopConfig(1, 1e-2, warmup=1), tmp_path)
    for key, slow in target.state_dict().items():
        fast = parts[0].state_dict()[key]
        torch.testing.assert_close(slow, 0.98 * before[key] + 0.02 * fast)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    loop = LoopConfig(6, warmup=2, save_every=3)
    whole, _ = train(small_parts(), loop, tmp_path / "whole")

    class Stop(Exception):
        """Raised to imitate a crash."""

    broken, calls = small_parts(), 0

    def fail_later(*_):
        nonlocal calls
        calls += 1
        if calls > 4:
            raise Stop

    broken[1].register_forward_pre_hook(fail_later)
    with pytest.raises(Stop):
        train(broken, replace(loop, save_every=1), tmp_path / "broken")
    resumed, _ = train(small_parts(seed=1), loop, tmp_path / "broken")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_frames_of_another_size_or_type_are_refused(tmp_path):
    arrays = toy_arrays()
    with pytest.raises(ValueError, match=r"\(96, 2, 16, 16, 3\).*takes .*32, 32"):
        train(
            small_parts(),
            LoopConfig(1),
            tmp_path,
            arrays=replace(arrays, frames=arrays.frames[:, :, ::2, ::2]),
        )
    damaged = arrays.frames.astype(np.float32)
    damaged[3] = np.nan
    with pytest.raises(ValueError, match=r"float32.*uint8"):
        train(small_parts(), LoopConfig(1), tmp_path, arrays=replace(arrays, frames=damaged))
    with pytest.raises(ValueError, match="multiples of 2 up to 8"):
        train(small_parts(), LoopConfig(1), tmp_path, replace(SMALL, frames=10))
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_stop_training(tmp_path):
    parts = small_parts()
    with torch.no_grad():
        parts[0].norm.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="pretrain step 0: a loss is not finite"):
        train(parts, LoopConfig(2), tmp_path)
    assert not (tmp_path / "pretrain.pt").exists()
