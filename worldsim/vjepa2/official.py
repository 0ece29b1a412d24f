"""The door for official weights: upstream's constructor arguments and names to our modules.

Our modules keep upstream's parameter names, so loading is a matter of prefixes, of the sine-cosine
tables that rotary models still carry (unused), and of saying clearly what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, overload

import torch
from torch import Tensor, nn

from worldsim.errors import UserError
from worldsim.files import UNREADABLE
from worldsim.vjepa2.ac_predictor import ACPredictor, ACPredictorConfig
from worldsim.vjepa2.encoder import Encoder, EncoderConfig
from worldsim.vjepa2.predictor import Predictor, PredictorConfig
from worldsim.vjepa2.version_2_1 import LEVELS, Encoder21, Predictor21

Kind = Literal["encoder", "predictor", "ac_predictor"]
KINDS: tuple[Kind, ...] = ("encoder", "predictor", "ac_predictor")
Config = EncoderConfig | PredictorConfig | ACPredictorConfig
Weights = dict[str, Tensor]


class Parts(NamedTuple):
    """What a file holds: a configuration and weights for each part, and entries not used."""

    configs: dict[Kind, Config]
    weights: dict[Kind, Weights]
    ignored: tuple[str, ...]


# Upstream's own defaults, for arguments a configuration leaves out.
_SHARED = {"img_size": 224, "patch_size": 16, "embed_dim": 768, "mlp_ratio": 4.0}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "encoder": _SHARED | {"tubelet_size": 2, "depth": 12, "num_heads": 12},
    "predictor": _SHARED
    | {"predictor_embed_dim": 384, "depth": 6, "num_heads": 12, "num_mask_tokens": 2},
    "ac_predictor": _SHARED
    | {"predictor_embed_dim": 1024, "depth": 24, "num_heads": 16}
    | {"action_embed_dim": 7, "use_extrinsics": False},
}
# Sine-cosine tables that checkpoints still carry and rotary models do not use.
_UNUSED = ("pos_embed", "predictor_pos_embed")


class CheckpointError(UserError):
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
            ``version="2.1"`` (not one of theirs) means the classes of V-JEPA 2.1.
        weights: upstream's names to tensors, with or without ``module.`` and ``backbone.``.

    Returns:
        The module in evaluation mode, float32, called as ``encoder(video, mask=None)``,
        ``predictor(context, mask_context, mask_predict, mask_index=1)`` or
        ``ac_predictor(tokens, actions, states, extrinsics=None)``.

    Raises:
        ValueError: an unknown kind, or an architecture that V-JEPA 2 does not have.
        CheckpointError: the weights do not fit the configuration.
    """
    copies = {name: tensor.clone() for name, tensor in strip_prefixes(weights).items()}
    return build(translate(kind, config), copies)


def translate(kind: str, config: Mapping[str, Any]) -> Config:
    """Our configuration for upstream's constructor arguments.

    Raises:
        ValueError: an unknown kind, or an architecture that V-JEPA 2 does not have.
    """
    if kind not in KINDS:
        raise UserError(f"no official model of kind {kind!r}: allowed are {', '.join(KINDS)}")
    for name, needed in (("use_rope", True), ("use_silu", False), ("qkv_bias", True)):
        if config.get(name, needed) != needed:
            raise UserError(f"{name}={config[name]} in the configuration: V-JEPA 2 has {needed}")
    given = {**_DEFAULTS[kind], **config}
    size = {name: given[name] for name in ("embed_dim", "depth", "num_heads", "mlp_ratio")}
    patch = int(given["patch_size"])
    height, width = _pair(given["img_size"])
    rows, columns = height // patch, width // patch
    version = str(given.get("version", "2"))
    if kind == "encoder":
        return EncoderConfig(height, patch, int(given["tubelet_size"]), **size, version=version)
    size["predictor_embed_dim"] = given["predictor_embed_dim"]
    if kind == "predictor":
        size |= {"num_mask_tokens": int(given["num_mask_tokens"]), "version": version}
        if version == "2.1":
            levels = int(given.get("n_output_distillation", LEVELS))
            teacher = given.get("teacher_embed_dim")
            target = None if teacher is None else int(teacher) // levels
            size |= {"levels": levels, "target_dim": target}
        return PredictorConfig((rows, columns), **size)
    return ACPredictorConfig(
        (rows, columns),
        action_dim=int(given["action_embed_dim"]),
        state_dim=int(given["action_embed_dim"]),
        use_extrinsics=bool(given["use_extrinsics"]),
        # Upstream stretches column positions to the number of rows.
        width_step=rows / columns,
        **size,
    )


def arguments(config: Config, patch_size: int = 16) -> dict[str, Any]:
    """Upstream's constructor arguments for our configuration; undoes ``translate``.

    Raises:
        CheckpointError: upstream cannot build such a model.
    """
    names = ("embed_dim", "depth", "num_heads", "mlp_ratio")
    given = {name: getattr(config, name) for name in names}
    if isinstance(config, EncoderConfig):
        if config.stem != "patch":
            raise CheckpointError(f"the official layout knows no {config.stem} stem")
        given |= {"patch_size": config.patch_size, "tubelet_size": config.tubelet_size}
        given |= {"img_size": config.img_size, "use_rope": True}
        return given | ({"version": config.version} if config.version != "2" else {})
    rows, columns = config.grid
    given |= {"img_size": [rows * patch_size, columns * patch_size], "patch_size": patch_size}
    given |= {"predictor_embed_dim": config.predictor_embed_dim, "use_rope": True}
    if isinstance(config, PredictorConfig):
        given |= {"use_mask_tokens": True, "num_mask_tokens": config.num_mask_tokens}
        if config.version == "2":
            return given
        target = config.target_dim
        teacher = None if target is None else target * config.levels
        given |= {"n_output_distillation": config.levels, "teacher_embed_dim": teacher}
        return given | {"version": config.version}
    if config.state_dim != config.action_dim or config.width_step != rows / columns:
        raise CheckpointError(
            "the official layout has one size for actions and states and square grids: this "
            f"predictor has {config.action_dim} and {config.state_dim}, and {rows} x {columns}"
        )
    return given | {
        "action_embed_dim": config.action_dim,
        "use_extrinsics": config.use_extrinsics,
    }


@overload
def new_module(config: EncoderConfig) -> Encoder: ...
@overload
def new_module(config: Config) -> nn.Module: ...
def new_module(config: Config) -> nn.Module:
    """An untrained module of a configuration, of its version."""
    if isinstance(config, EncoderConfig):
        return Encoder(config) if config.version == "2" else Encoder21(config)
    if isinstance(config, PredictorConfig):
        return Predictor(config) if config.version == "2" else Predictor21(config)
    return ACPredictor(config)


def build(
    config: Config, weights: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> nn.Module:
    """A module that holds the given tensors (not copies, where their type fits already).

    Raises:
        CheckpointError: names or shapes do not fit; the first ones are named. Or nothing can be
            of the configuration's sizes.
    """
    try:
        with torch.device("meta"):
            module = new_module(config)
    except UserError:
        raise
    except UNREADABLE as error:
        raise CheckpointError(f"nothing can be of the sizes {config}: {error}") from error
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    given = {name: tensor for name, tensor in weights.items() if name not in _UNUSED}
    name = type(module).__name__
    if missing := sorted(expected.keys() - given.keys()):
        raise CheckpointError(f"not a V-JEPA 2 {name}: {name_some(missing)} missing in the weights")
    if unknown := sorted(given.keys() - expected.keys()):
        raise CheckpointError(f"not a V-JEPA 2 {name} of this size: it has no {name_some(unknown)}")
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


def _pair(size: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def name_some(names: Iterable[object], most: int = 3) -> str:
    """The first names of a list and how many more there are."""
    every = [str(name) for name in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return (", ".join(every[:most]) or "nothing") + more
