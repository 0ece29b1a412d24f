"""Every output of the golden file, from official weights loaded by their official names."""

from __future__ import annotations

import pytest
import torch

from worldsim.vjepa2 import CheckpointError, from_official

TOLERANCE = 1e-4


def assert_close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, atol=TOLERANCE, rtol=0.0)


@torch.no_grad()
def test_encoder(golden):
    encoder = from_official("encoder", golden.config["encoder"], golden.weights("encoder"))
    assert_close(encoder(golden.io("video")), golden.io("encoder_video_out"))
    assert_close(encoder(golden.io("frame_pair")), golden.io("encoder_frame_pair_out"))
    masked = encoder(golden.io("video"), golden.io("mask_context"))
    assert_close(masked, golden.io("encoder_masked_out"))


@torch.no_grad()
def test_predictor(golden):
    predictor = from_official("predictor", golden.config["predictor"], golden.weights("predictor"))
    masks = golden.io("mask_context"), golden.io("mask_predict")
    wanted = golden.io("predictor_out_mask_index1")
    context = golden.io("encoder_masked_out")
    assert_close(predictor(context, *masks, mask_index=1), wanted)
    assert_close(predictor(context, *masks, mask_index=1 + 3), wanted)  # modulo three mask tokens
    assert (predictor(context, *masks, mask_index=0) - wanted).abs().max() > TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("steps", ["T1", "T3"])
@pytest.mark.parametrize("extrinsics", [False, True])
def test_ac_predictor(golden, steps, extrinsics):
    part, infix = ("ac_predictor_extrinsics", "extrinsics_") if extrinsics else ("ac_predictor", "")
    predictor = from_official("ac_predictor", golden.config[part], golden.weights(part))
    inputs = [golden.io(f"ac_{name}_{steps}") for name in ("tokens", "actions", "states")]
    if extrinsics:
        inputs.append(golden.io(f"ac_extrinsics_{steps}"))
    assert_close(predictor(*inputs), golden.io(f"ac_{infix}out_{steps}"))


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["module.", "backbone.", "module.backbone."])
def test_prefixes_and_unused_tables_are_dropped(golden, prefix):
    weights = {prefix + name: tensor for name, tensor in golden.weights("encoder").items()}
    weights[prefix + "pos_embed"] = torch.zeros(1, 64, 72)
    encoder = from_official("encoder", golden.config["encoder"], weights)
    assert_close(encoder(golden.io("video")), golden.io("encoder_video_out"))


@torch.no_grad()
def test_bfloat16_stays_close(golden):
    encoder = from_official("encoder", golden.config["encoder"], golden.weights("encoder"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = encoder(golden.io("video")).float()
    assert (got - golden.io("encoder_video_out")).abs().mean() < 0.02


def test_an_unknown_kind_is_refused(golden):
    with pytest.raises(ValueError, match="allowed are encoder, predictor, ac_predictor"):
        from_official("decoder", golden.config["encoder"], golden.weights("encoder"))


@pytest.mark.parametrize("change", [{"use_rope": False}, {"use_silu": True}, {"qkv_bias": False}])
def test_another_architecture_is_refused(golden, change):
    with pytest.raises(ValueError, match="V-JEPA 2 has"):
        from_official("encoder", golden.config["encoder"] | change, golden.weights("encoder"))


def test_weights_that_do_not_fit_are_refused(golden):
    config, weights = golden.config["encoder"], golden.weights("encoder")
    with pytest.raises(CheckpointError, match="missing"):
        from_official("encoder", config, {k: v for k, v in weights.items() if "norm" not in k})
    with pytest.raises(CheckpointError, match=r"it has no conv1\.weight"):
        from_official("encoder", config, weights | {"conv1.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="of another size"):
        from_official("encoder", config | {"mlp_ratio": 2.0}, weights)
    with pytest.raises(CheckpointError, match="not a V-JEPA 2 ACPredictor"):
        from_official("ac_predictor", golden.config["ac_predictor"], golden.weights("predictor"))
