"""Names and configuration of transformers' ``VJEPA2Model``, to and from ours.

The differences: query, key and value are three layers there and one here; mask tokens are one
tensor there and a list here; and the names. transformers has no action-conditioned predictor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from worldsim.vjepa2.encoder import EncoderConfig
from worldsim.vjepa2.layers import NORM_EPS
from worldsim.vjepa2.official import CheckpointError, Config, Kind, Parts, Weights
from worldsim.vjepa2.predictor import PredictorConfig

# theirs, ours; "#" stands for a number.
_NAMES: dict[Kind, tuple[tuple[str, str], ...]] = {
    "encoder": (
        ("encoder.embeddings.patch_embeddings.proj.", "patch_embed.proj."),
        ("encoder.layer.#.attention.", "blocks.#.attn."),
        ("encoder.layer.#.", "blocks.#."),
        ("encoder.layernorm.", "norm."),
    ),
    "predictor": (
        ("predictor.embeddings.predictor_embeddings.", "predictor_embed."),
        ("predictor.layer.#.attention.", "predictor_blocks.#.attn."),
        ("predictor.layer.#.", "predictor_blocks.#."),
        ("predictor.layernorm.", "predictor_norm."),
        ("predictor.proj.", "predictor_proj."),
    ),
}
_MASK_TOKENS = "predictor.embeddings.mask_tokens"
_PARTS = ("query", "key", "value")
# theirs, ours
_ENCODER_FIELDS = {
    "crop_size": "img_size",
    "patch_size": "patch_size",
    "tubelet_size": "tubelet_size",
    "hidden_size": "embed_dim",
    "num_hidden_layers": "depth",
    "num_attention_heads": "num_heads",
    "mlp_ratio": "mlp_ratio",
}
_PREDICTOR_FIELDS = {
    "pred_hidden_size": "predictor_embed_dim",
    "pred_num_hidden_layers": "depth",
    "pred_num_attention_heads": "num_heads",
    "pred_num_mask_tokens": "num_mask_tokens",
    "pred_mlp_ratio": "mlp_ratio",
}
# What our modules have built in; also the defaults of VJEPA2Config.
_FIXED = {"in_chans": 3, "qkv_bias": True, "hidden_act": "gelu", "layer_norm_eps": NORM_EPS}


def from_hugging_face(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Parts:
    """Our configurations and weights.

    Args:
        config: the content of ``config.json``; what is left out has transformers' default.
        weights: the tensors of a ``VJEPA2Model`` or of a model built on one.

    Raises:
        CheckpointError: the configuration is not one of V-JEPA 2.
    """
    for name, needed in _FIXED.items():
        if config.get(name, needed) != needed:
            raise CheckpointError(f"{name}={config[name]} in config.json: V-JEPA 2 has {needed}")
    encoder = EncoderConfig(**_rename(config, _ENCODER_FIELDS))
    side = encoder.img_size // encoder.patch_size
    configs: dict[Kind, Config] = {
        "encoder": encoder,
        "predictor": PredictorConfig(
            grid=(side, side), embed_dim=encoder.embed_dim, **_rename(config, _PREDICTOR_FIELDS)
        ),
    }
    found: dict[Kind, Weights] = {"encoder": {}, "predictor": {}}
    ignored = []
    for name, tensor in weights.items():
        bare = name.removeprefix("vjepa2.")  # models built on VJEPA2Model
        kind: Kind = "predictor" if bare.startswith("predictor.") else "encoder"
        if bare == _MASK_TOKENS:
            found[kind] |= {f"mask_tokens.{i}": token for i, token in enumerate(tensor)}
        elif (ours := _translate(bare, _NAMES[kind])) is not None:
            found[kind][ours] = tensor
        else:
            ignored.append(name)
    fused = {kind: _fuse(part) for kind, part in found.items() if part}
    return Parts({kind: configs[kind] for kind in fused}, fused, tuple(ignored))


def to_hugging_face(
    configs: Mapping[Kind, Config], weights: Mapping[Kind, Mapping[str, Tensor]]
) -> tuple[dict[str, Any], Weights]:
    """``config.json`` and tensors of a ``VJEPA2Model``.

    Raises:
        CheckpointError: there is no encoder, or a part transformers does not have.
    """
    if "encoder" not in configs or "ac_predictor" in configs:
        raise CheckpointError(
            f"the Hugging Face layout holds an encoder and at most a masked predictor, not: "
            f"{', '.join(configs)}"
        )
    if getattr(configs["encoder"], "version", "2") != "2":
        raise CheckpointError("the Hugging Face layout knows V-JEPA 2, not 2.1")
    if getattr(configs["encoder"], "stem", "patch") != "patch":
        raise CheckpointError("the Hugging Face layout knows no conv stem")
    written: dict[str, Any] = {"architectures": ["VJEPA2Model"], "model_type": "vjepa2", **_FIXED}
    out: Weights = {}
    for kind, config in configs.items():
        fields = _ENCODER_FIELDS if kind == "encoder" else _PREDICTOR_FIELDS
        written |= {theirs: getattr(config, ours) for theirs, ours in fields.items()}
        back = [(ours, theirs) for theirs, ours in _NAMES[kind]]
        for name, tensor in _split(weights[kind]).items():
            theirs = _translate(name, back)
            if theirs is not None:
                out[theirs] = tensor
    if isinstance(predictor := configs.get("predictor"), PredictorConfig):
        tokens = [
            weights["predictor"][f"mask_tokens.{i}"] for i in range(predictor.num_mask_tokens)
        ]
        out[_MASK_TOKENS] = torch.stack(tokens)  # (tokens, 1, 1, C)
    return written, out


def _rename(config: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    return {ours: config[theirs] for theirs, ours in fields.items() if theirs in config}


def _translate(name: str, table: Any) -> str | None:
    """The name with the first prefix that fits replaced, or None."""
    for old, new in table:
        pattern = re.escape(old).replace(r"\#", "(\\d+)")
        if match := re.match(pattern, name):
            number = match.group(1) if match.groups() else ""
            return str(new.replace("#", number) + name[match.end() :])
    return None


def _fuse(weights: Weights) -> Weights:
    """attn.query, attn.key and attn.value -> attn.qkv."""
    fused = {}
    for name, tensor in weights.items():
        if ".attn.query." in name:
            parts = [weights.get(name.replace("query", part), tensor[:0]) for part in _PARTS]
            fused[name.replace("query", "qkv")] = torch.cat(parts)
        elif ".attn.key." not in name and ".attn.value." not in name:
            fused[name] = tensor
    return fused


def _split(weights: Mapping[str, Tensor]) -> Weights:
    """attn.qkv -> attn.query, attn.key and attn.value."""
    split = {}
    for name, tensor in weights.items():
        if ".attn.qkv." in name:
            for part, piece in zip(_PARTS, tensor.chunk(3), strict=True):
                split[name.replace("qkv", part)] = piece.contiguous()
        else:
            split[name] = tensor
    return split
