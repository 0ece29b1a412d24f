"""Checkpoint layouts there and back, parity with transformers, and files that must be refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from worldsim.vjepa2 import (
    ACPredictor,
    ACPredictorConfig,
    CheckpointError,
    Encoder,
    EncoderConfig,
    Predictor,
    PredictorConfig,
)
from worldsim.vjepa2.checkpoints import Checkpoint, describe, read, write

ENCODER = EncoderConfig(img_size=32, embed_dim=48, depth=2, num_heads=2)
PREDICTOR = PredictorConfig((2, 2), 48, 24, depth=2, num_heads=2, num_mask_tokens=3)
AC_PREDICTOR = ACPredictorConfig((2, 2), 48, 24, depth=2, num_heads=2)
MASKS = torch.tensor([[0, 2, 5]]), torch.tensor([[1, 7]])


@pytest.fixture
def stage_1() -> Checkpoint:
    predictor = Predictor(PREDICTOR)
    for token in predictor.mask_tokens:
        torch.nn.init.normal_(token)
    return Checkpoint.of({"encoder": Encoder(ENCODER), "predictor": predictor})


@pytest.fixture
def stage_2() -> Checkpoint:
    return Checkpoint.of({"encoder": Encoder(ENCODER), "ac_predictor": ACPredictor(AC_PREDICTOR)})


def same(first: Checkpoint, second: Checkpoint) -> bool:
    return first.configs == second.configs and all(
        torch.equal(tensor, second.module(kind).state_dict()[name])
        for kind in first.configs
        for name, tensor in first.module(kind).state_dict().items()
    )


@pytest.mark.parametrize("layout", ["official", "hugging-face", "worldsim"])
def test_stage_1_there_and_back(stage_1, layout, tmp_path):
    path = tmp_path / "here"
    write(stage_1, path, layout)
    assert read(path).layout == layout
    assert same(stage_1, read(path))
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("layout", ["official", "worldsim"])
def test_stage_2_there_and_back(stage_2, layout, tmp_path):
    write(stage_2, tmp_path / "here", layout)
    assert same(stage_2, read(tmp_path / "here"))


def test_official_to_hugging_face_and_back(stage_1, tmp_path):
    write(stage_1, tmp_path / "a.pt", "official")
    write(read(tmp_path / "a.pt"), tmp_path / "b", "hugging-face")
    write(read(tmp_path / "b"), tmp_path / "c.pt", "official")
    assert same(stage_1, read(tmp_path / "c.pt"))


# -- official files as a trainer leaves them ------------------------------------------------------


def trainer_file(path: Path, width: int = 1024, prefix: str = "module.backbone.") -> dict:
    """A released layout with one narrow block of a released width and a trainer's entries."""
    config = EncoderConfig(embed_dim=width, depth=1, num_heads=16, mlp_ratio=0.25)
    encoder, target = Encoder(config).state_dict(), Encoder(config).state_dict()
    ac = ACPredictorConfig(embed_dim=width, depth=1, mlp_ratio=0.25)
    entries = {
        "encoder": {prefix + k: v for k, v in encoder.items()},
        "target_encoder": {prefix + k: v for k, v in target.items()},
        "predictor": {"module." + k: v for k, v in ACPredictor(ac).state_dict().items()},
        "opt": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]},
        "scaler": None,
        "epoch": 315,
        "loss": 0.41,
    }
    entries["encoder"][prefix + "pos_embed"] = torch.zeros(1, 10, width)
    torch.save(entries, path)
    return entries


def test_a_released_layout_needs_no_configuration(tmp_path):
    entries = trainer_file(tmp_path / "vjepa2-ac-vitx.pt")
    checkpoint = read(tmp_path / "vjepa2-ac-vitx.pt")
    assert checkpoint.configs["encoder"] == EncoderConfig(depth=1, mlp_ratio=0.25)
    assert checkpoint.configs["ac_predictor"] == ACPredictorConfig(
        embed_dim=1024, depth=1, mlp_ratio=0.25
    )
    assert set(checkpoint.ignored) == {"target_encoder", "opt", "scaler", "epoch", "loss"}
    weight = checkpoint.module("encoder").state_dict()["blocks.0.attn.qkv.weight"]
    assert torch.equal(weight, entries["encoder"]["module.backbone.blocks.0.attn.qkv.weight"])


def test_the_moving_average_can_be_asked_for(tmp_path):
    entries = trainer_file(tmp_path / "a.pt")
    checkpoint = read(tmp_path / "a.pt", encoder_entry="target_encoder")
    weight = checkpoint.module("encoder").state_dict()["norm.weight"]
    assert torch.equal(weight, entries["target_encoder"]["module.backbone.norm.weight"])
    assert "encoder" in checkpoint.ignored


def test_the_name_tells_the_picture_size(tmp_path):
    trainer_file(tmp_path / "vitl-384.pt")
    configs = read(tmp_path / "vitl-384.pt").configs
    assert configs["encoder"].img_size == 384
    assert configs["ac_predictor"].grid == (24, 24)


def test_an_unreleased_width_needs_a_configuration(golden, tmp_path):
    path = tmp_path / "small.pt"
    torch.save({"target_encoder": golden.weights("encoder")}, path)
    with pytest.raises(CheckpointError, match=r"width 72.*attention heads is unknown"):
        read(path)
    encoder = read(path, configs=golden.config).module("encoder")
    with torch.no_grad():
        got = encoder(golden.io("frame_pair"))
    torch.testing.assert_close(got, golden.io("encoder_frame_pair_out"), atol=1e-4, rtol=0)


def test_describe_tells_what_is_inside(tmp_path):
    trainer_file(tmp_path / "a.pt")
    told = json.loads(json.dumps(describe(tmp_path / "a.pt")))
    assert told["layout"] == "official"
    assert told["parts"]["encoder"]["dtype"] == "float32"
    assert told["parts"]["ac_predictor"]["config"]["depth"] == 1
    assert "opt" in told["ignored"]


def test_a_world_model_gives_its_two_parts(tmp_path):
    from worldsim.checkpoint import save_world_model
    from worldsim.world_model import WorldModel, WorldModelConfig

    model = WorldModel(WorldModelConfig("joint", ("left",), ENCODER, AC_PREDICTOR))
    save_world_model(model, tmp_path, dtype=torch.float32)
    checkpoint = read(tmp_path)
    assert checkpoint.configs == {"encoder": ENCODER, "ac_predictor": AC_PREDICTOR}
    assert checkpoint.ignored
    write(checkpoint, tmp_path / "official.pt", "official")
    weight = read(tmp_path / "official.pt").module("ac_predictor").state_dict()
    torch.testing.assert_close(weight, model.predictor.state_dict())


# -- transformers ---------------------------------------------------------------------------------


@pytest.fixture
def theirs():
    transformers = pytest.importorskip("transformers")
    config = transformers.VJEPA2Config(
        crop_size=32,
        frames_per_clip=4,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        pred_hidden_size=24,
        pred_num_hidden_layers=2,
        pred_num_attention_heads=2,
        pred_num_mask_tokens=3,
    )
    model = transformers.VJEPA2Model(config).eval()
    for parameter in model.parameters():  # large enough for differences to show
        torch.nn.init.normal_(parameter, std=0.1)
    return model


@torch.no_grad()
def assert_parity(model, checkpoint: Checkpoint) -> None:
    video = torch.randn(1, 4, 3, 32, 32)  # theirs is (B, T, 3, H, W)
    context, target = MASKS
    wanted = model(video, context_mask=[context], target_mask=[target])
    latents = checkpoint.module("encoder")(video.transpose(1, 2))
    torch.testing.assert_close(latents, wanted.last_hidden_state, atol=1e-4, rtol=0)
    torch.testing.assert_close(latents, model.get_vision_features(video), atol=1e-4, rtol=0)
    predicted = checkpoint.module("predictor")(latents[:, context[0]], context, target)
    wanted = wanted.predictor_output.last_hidden_state
    torch.testing.assert_close(predicted, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shard", ["1GB", "50KB"])
def test_a_transformers_model_becomes_ours(theirs, shard, tmp_path):
    theirs.save_pretrained(tmp_path, max_shard_size=shard)
    checkpoint = read(tmp_path)
    assert checkpoint.ignored == ()
    assert checkpoint.configs["encoder"] == ENCODER
    assert_parity(theirs, checkpoint)


def test_ours_becomes_a_transformers_model(stage_1, tmp_path):
    transformers = pytest.importorskip("transformers")
    write(stage_1, tmp_path / "hf", "hugging-face")
    model, report = transformers.VJEPA2Model.from_pretrained(
        tmp_path / "hf", output_loading_info=True
    )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert_parity(model.eval(), stage_1)


def test_a_classifier_gives_its_encoder(theirs, tmp_path):
    transformers = pytest.importorskip("transformers")
    classifier = transformers.VJEPA2ForVideoClassification(theirs.config).eval()
    classifier.save_pretrained(tmp_path)
    checkpoint = read(tmp_path)
    assert_parity(classifier.vjepa2, checkpoint)
    assert all(name.startswith(("pooler.", "classifier.")) for name in checkpoint.ignored)


# -- what must be refused -------------------------------------------------------------------------


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_refused_and_not_run(zipped, tmp_path):
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    torch.save({"encoder": Malicious(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"refused: to read it, \S*system would have to run"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused(stage_1, keep, tmp_path):
    path = tmp_path / "a.pt"
    write(stage_1, path, "official")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match="damaged"):
        read(path)


@pytest.mark.parametrize("content", [b"agents: [random]", b"{}", b"hello", b"\x80\x02.", b"PK"])
def test_a_file_of_something_else_is_refused(content, tmp_path):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pt is (damaged|not a V-JEPA 2)"):
        read(tmp_path / "a.pt")


@pytest.mark.parametrize("layout", ["hugging-face", "worldsim"])
def test_a_truncated_folder_is_refused(stage_1, layout, tmp_path):
    write(stage_1, tmp_path / "a", layout)
    file = tmp_path / "a" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        read(tmp_path / "a")
    file.unlink()
    with pytest.raises(CheckpointError, match=r"lacks model\.safetensors"):
        read(tmp_path / "a")
    for damage in (b'{"format": ', b"\x80\x04", b"[" * 100_000, b"[]", b'{"format": []}'):
        (tmp_path / "a" / "config.json").write_bytes(damage)
        with pytest.raises(CheckpointError, match=r"damaged or incomplete|describes \[\]"):
            read(tmp_path / "a")


@pytest.mark.parametrize("name", ["vitl.pt", "vjepa2-ac-vitg.pt"])
def test_a_missing_released_file_says_what_to_place_where(name, tmp_path):
    with pytest.raises(CheckpointError, match=f"vjepa2/{name} and place it there"):
        read(tmp_path / name)


def test_a_missing_path_names_what_is_published(tmp_path):
    with pytest.raises(CheckpointError, match=r"vitl\.pt.*vjepa2-ac-vitg\.pt.*facebook/vjepa2"):
        read(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"state_dict": {}, "epoch": 1}, "holds state_dict, epoch, but neither encoder"),
        ({"encoder": 3}, "encoder holds no tensors"),
        ({"encoder": {"conv1.weight": torch.zeros(3)}}, "other layers"),
        ([1, 2], "no named entries"),
    ],
)
def test_another_kind_of_file_is_refused(entries, sentence, tmp_path):
    torch.save(entries, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=sentence):
        read(tmp_path / "a.pt")


def test_missing_layers_are_named(tmp_path):
    entries = trainer_file(tmp_path / "a.pt")
    del entries["encoder"]["module.backbone.blocks.0.norm2.bias"]
    torch.save(entries, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"blocks\.0\.norm2\.bias missing"):
        read(tmp_path / "a.pt").module("encoder")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model_type": "vit"}, "describes 'vit'"),
        ({"hidden_act": "silu"}, "hidden_act=silu"),
        ({"num_hidden_layers": 3}, "missing in the weights"),
        ({"hidden_size": 96}, "another size"),
    ],
)
def test_another_hugging_face_model_is_refused(stage_1, change, sentence, tmp_path):
    write(stage_1, tmp_path / "a", "hugging-face")
    file = tmp_path / "a" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=sentence):
        read(tmp_path / "a").module("encoder")


def test_shards_cannot_point_outside_their_folder(stage_1, tmp_path):
    write(stage_1, tmp_path / "a", "hugging-face")
    index = {"weight_map": {"x": "../../secret.safetensors"}}
    (tmp_path / "a" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="outside its folder"):
        read(tmp_path / "a")


def test_nothing_is_overwritten_unasked(stage_1, tmp_path):
    for layout, name in (("official", "a.pt"), ("worldsim", "a")):
        write(stage_1, tmp_path / name, layout)
        with pytest.raises(CheckpointError, match="exists already"):
            write(stage_1, tmp_path / name, layout)
        write(stage_1, tmp_path / name, layout, overwrite=True)


def test_a_layout_that_cannot_hold_a_model_leaves_no_file(stage_1, stage_2, tmp_path):
    with pytest.raises(CheckpointError, match="not: encoder, ac_predictor"):
        write(stage_2, tmp_path / "a", "hugging-face")
    odd = ACPredictor(ACPredictorConfig((4, 2), 48, 24, 1, 2, state_dim=10))
    with pytest.raises(CheckpointError, match="one size for actions and states"):
        write(Checkpoint.of({"ac_predictor": odd}), tmp_path / "a", "official")
    both = Checkpoint.of({**modules(stage_1), "ac_predictor": ACPredictor(AC_PREDICTOR)})
    with pytest.raises(CheckpointError, match="this has two"):
        write(both, tmp_path / "a", "official")
    with pytest.raises(CheckpointError, match="allowed are official, hugging-face, worldsim"):
        write(stage_1, tmp_path / "a", "onnx")
    assert not (tmp_path / "a").exists()


def modules(checkpoint: Checkpoint) -> dict[str, torch.nn.Module]:
    return {kind: checkpoint.module(kind) for kind in checkpoint.configs}


def test_one_file_of_a_folder_is_refused(stage_1, tmp_path):
    write(stage_1, tmp_path / "a", "worldsim")
    with pytest.raises(CheckpointError, match="give its folder"):
        read(tmp_path / "a" / "model.safetensors")
