"""DINOv2 and DINOv3 (arXiv 2304.07193, 2508.10104) as frame encoders, through transformers.

Their class and register tokens are left out. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from worldsim.pixels import prepare
from worldsim.vjepa2 import CheckpointError

# Both divide by patches of 14 and of 16; positions are interpolated.
SIZE = 224


class DinoEncoder(nn.Module):
    """A frozen DINO backbone.

    Args:
        folder: with config.json and safetensors, as transformers writes it.
        size: pixels per side; None is 224.

    Raises:
        CheckpointError: transformers is missing, it cannot read the folder, or the size does not
            divide into patches.
    """

    def __init__(self, folder: str | Path, size: int | None = None) -> None:
        super().__init__()
        try:
            from transformers import AutoModel
        except ImportError as error:
            raise CheckpointError(
                f"reading {folder} takes transformers: pip install 'worldsim[official]'"
            ) from error
        try:
            self.model = AutoModel.from_pretrained(
                str(folder), local_files_only=True, dtype=torch.float32
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"transformers cannot read {folder}: {error}") from error
        config = self.model.config
        self.size = size or SIZE
        self.width = int(config.hidden_size)
        if self.size % config.patch_size:
            raise CheckpointError(
                f"{self.size} px do not divide into this encoder's patches of {config.patch_size}"
            )
        self.grid = (self.size // config.patch_size,) * 2
        self.eval()

    def encode(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 -> (B, rows * columns, D)."""
        tokens: Tensor = self.model(pixel_values=prepare(frames, self.size)).last_hidden_state
        return tokens[:, -self.grid[0] * self.grid[1] :]
