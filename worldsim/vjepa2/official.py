"""The door for official weights: upstream's constructor arguments and names to our modules.

Our modules keep upstream's parameter names, so loading is a matter of prefixes, of the sine-cosine
tables that rotary models still carry (unused), and of saying clearly what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from worldsim.vjepa2.ac_predictor import ACPredictor, ACPredictorConfig
from worldsim.vjepa2.encoder import Encoder, EncoderConfig
from worldsim.vjepa2.predictor import Predictor, PredictorConfig

Kind = Literal["encoder", "predictor", "ac_predictor"]
KINDS: tuple[Kind, ...] = ("encoder", "predictor", "ac_predictor")
Config = EncoderConfig | PredictorConfig | ACPredictorConfig

_UNUSED = ("pos_embed", "predictor_pos_embed")


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or not what was asked for."""


@overload
def from_official(
    kind: Literal["encoder"], config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> Encoder: ...
@overload
def from_official(
    kind: Literal["predictor"], config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> Predictor: ...
@overload
def from_official(
    kind: Literal["ac_predictor"], config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> ACPredictor: ...
def from_official(kind: str, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module:
    """Build a module from upstream's constructor arguments and weights.

    Args:
        kind: "encoder", "predictor" or "ac_predictor".
        config: upstream's constructor arguments; what does not change the model is ignored.
        weights: upstream's names to tensors, with or without ``module.`` and ``backbone.``.

    Returns:
        The module in evaluation mode, float32, called as ``encoder(video, mask=None)``,
        ``predictor(context, mask_context, mask_predict, mask_index=1)`` or
        ``ac_predictor(tokens, actions, states, extrinsics=None)``.

    Raises:
        ValueError: an unknown kind, or an architecture that V-JEPA 2 does not have.
        CheckpointError: the weights do not fit the configuration.
    """
    return build(translate(kind, config), strip_prefixes(weights))


def translate(kind: str, config: Mapping[str, Any]) -> Config:
    """Our configuration for upstream's constructor arguments."""
    if kind not in KINDS:
        raise ValueError(f"no official model of kind {kind!r}: allowed are {', '.join(KINDS)}")
    for name, needed in (("use_rope", True), ("use_silu", False), ("qkv_bias", True)):
        if config.get(name, needed) != needed:
            raise ValueError(f"{name}={config[name]} in the configuration: V-JEPA 2 has {needed}")
    height, width = _pair(config.get("img_size", 256))
    patch = int(config.get("patch_size", 16))
    if kind == "encoder":
        return EncoderConfig(
            img_size=height,
            patch_size=patch,
            tubelet_size=int(config.get("tubelet_size", 2)),
            **_given(config, "embed_dim", "depth", "num_heads", "mlp_ratio"),
        )
    shared = _given(config, "embed_dim", "predictor_embed_dim", "depth", "num_heads", "mlp_ratio")
    rows, columns = height // patch, width // patch
    if kind == "predictor":
        return PredictorConfig(grid=(rows, columns), **shared, **_given(config, "num_mask_tokens"))
    action_dim = int(config.get("action_embed_dim", 7))
    return ACPredictorConfig(
        grid=(rows, columns),
        action_dim=action_dim,
        state_dim=action_dim,
        # Upstream stretches column positions to the number of rows.
        width_step=rows / columns,
        **shared,
        **_given(config, "use_extrinsics"),
    )


def build(
    config: Config, weights: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> nn.Module:
    """A module that holds the given tensors (not copies, where their type fits already).

    Raises:
        CheckpointError: names or shapes do not fit; the first ones are named.
    """
    with torch.device("meta"):
        if isinstance(config, EncoderConfig):
            module: nn.Module = Encoder(config)
        elif isinstance(config, PredictorConfig):
            module = Predictor(config)
        else:
            module = ACPredictor(config)
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    given = {name: tensor for name, tensor in weights.items() if name not in _UNUSED}
    name = type(module).__name__
    if missing := sorted(expected.keys() - given.keys()):
        raise CheckpointError(f"not a V-JEPA 2 {name}: {_some(missing)} missing in the weights")
    if unknown := sorted(given.keys() - expected.keys()):
        raise CheckpointError(f"not a V-JEPA 2 {name} of this size: it has no {_some(unknown)}")
    for key, shape in expected.items():
        if given[key].shape != shape:
            raise CheckpointError(
                f"weights of another size: {key} has shape {tuple(given[key].shape)}, this {name} "
                f"has {tuple(shape)}"
            )
    module.load_state_dict({key: given[key].to(dtype) for key in expected}, assign=True)
    return module.eval()


def strip_prefixes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the ``module.`` and ``backbone.`` that wrappers put in front."""
    return {re.sub(r"^(module\.|backbone\.)+", "", name): t for name, t in weights.items()}


def _given(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: config[name] for name in names if name in config}


def _pair(size: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
