"""FrameEncoder: frames to patch latents, ours or anybody's.

    encoder = open_encoder("weights/vitl.pt")                # V-JEPA 2 or 2.1, any layout and size
    encoder = open_encoder("weights/dinov2-base", size=224)  # through transformers
    encoder = open_encoder("my_package.encoders:MyEncoder")  # docs/add-an-encoder.md

A world model trained on a frozen encoder of somebody else's does not copy it: its configuration
holds an ``EncoderReference``, whose digest is checked when the encoder is opened again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from worldsim.files import parse_json
from worldsim.plugins import load_class
from worldsim.vjepa2 import CheckpointError, Encoder, EncoderConfig
from worldsim.vjepa2.checkpoints import read
from worldsim.vjepa2.official import build


@runtime_checkable
class FrameEncoder(Protocol):
    """A ``torch.nn.Module`` that sees one frame at a time.

    Attributes:
        size: pixels per side it works at; ``encode`` resizes frames itself.
        grid: (rows, columns) of patches.
        width: of a latent, D.
    """

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def grid(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102

    def encode(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 -> (B, rows * columns, D), row by row; not normalised."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """As every module has them."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """As every module has it."""
        ...


@dataclass(frozen=True)
class EncoderReference:
    """A frozen encoder that lies elsewhere.

    Attributes:
        path: what ``open_encoder`` was given.
        digest: of its weights, see ``encoder_digest``.
        size: pixels per side it is used at.
    """

    path: str
    digest: str
    size: int

    @classmethod
    def to(cls, encoder: FrameEncoder, path: str) -> EncoderReference:
        """A reference to an opened encoder."""
        return cls(path, encoder_digest(encoder), encoder.size)

    def open(self) -> FrameEncoder:
        """The encoder itself.

        Raises:
            CheckpointError: it is not there any more, or has other weights.
        """
        try:
            encoder = open_encoder(self.path, self.size)
        except CheckpointError as error:
            raise CheckpointError(
                f"this model sees through the encoder {self.path}, which is not copied: {error}; "
                "if it has moved, say where in the model's config.json"
            ) from error
        found = encoder_digest(encoder)
        if found != self.digest:
            raise CheckpointError(
                f"{self.path} holds other weights ({found}) than those this model was trained on "
                f"({self.digest})"
            )
        return encoder


def encoder_digest(encoder: FrameEncoder | nn.Module) -> str:
    """Sixteen hex digits that name weights, in whatever precision they are stored.

    An encoder's, or those of a whole model.
    """
    sha = hashlib.sha256()
    for tensor in encoder.state_dict().values():
        sha.update(tensor.float().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def open_encoder(path: str, size: int | None = None) -> FrameEncoder:
    """A trained encoder in evaluation mode.

    Args:
        path: a V-JEPA 2 or 2.1 file or folder of any size, a folder of DINOv2 or DINOv3 weights as
            transformers reads them, or ``package.module:Class`` of one's own.
        size: pixels per side to work at; None is what it was trained on.

    Raises:
        CheckpointError: none of these, damaged, or a size that its patches do not divide.
    """
    if ":" in path and not Path(path).exists():
        encoder = load_class(path, "encoder")(**({} if size is None else {"size": size}))
        return _checked(path, encoder)
    if _model_type(path).startswith("dino"):
        from worldsim.dino import DinoEncoder

        return DinoEncoder(path, size)
    checkpoint = read(path)
    config = checkpoint.configs.get("encoder")
    if not isinstance(config, EncoderConfig):
        raise CheckpointError(f"{path} holds no encoder, only {', '.join(checkpoint.configs)}")
    if size is not None:
        if size % config.patch_size:
            raise CheckpointError(
                f"{size} px do not divide into this encoder's patches of {config.patch_size}"
            )
        config = replace(config, img_size=size)
    encoder = build(config, checkpoint.weights["encoder"])
    assert isinstance(encoder, Encoder)
    return encoder


def _checked(path: str, encoder: object) -> FrameEncoder:
    if not isinstance(encoder, nn.Module) or not isinstance(encoder, FrameEncoder):
        raise CheckpointError(f"{path} is no FrameEncoder: a module with size, grid, width, encode")
    found: FrameEncoder = encoder.eval()
    with torch.inference_mode():
        shape = tuple(
            found.encode(torch.zeros(1, found.size, found.size, 3, dtype=torch.uint8)).shape
        )
    wanted = (1, found.grid[0] * found.grid[1], found.width)
    if shape != wanted:
        raise CheckpointError(f"{path} encodes a frame as {shape}, its grid and width say {wanted}")
    return found


def _model_type(path: str) -> str:
    """What a folder's config.json says it is; "" where there is none."""
    file = Path(path) / "config.json"
    if not file.is_file():
        return ""
    try:
        config: Mapping[str, Any] = parse_json(file.read_text())
        return str(config.get("model_type", ""))
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged: {error}") from error


def leave_out_encoder(model: nn.Module) -> None:
    """Keep a frozen encoder that is referred to out of a model's files and checkpoints."""
    model.register_state_dict_post_hook(_leave_out)
    model.register_load_state_dict_post_hook(_miss_none)


def _leave_out(
    module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]
) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}encoder.")]:
        del state[name]


def _miss_none(module: nn.Module, keys: Any) -> None:
    keys.missing_keys[:] = [name for name in keys.missing_keys if not name.startswith("encoder.")]
