"""Latent world models and what plans with them.

    model = worldsim.load_world_model("tiny")

Importing this package imports neither PyTorch nor any weights; the first use of
``load_world_model`` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worldsim.world_model import WorldModel

__version__ = "0.2.0"
__all__ = ["__version__", "load_world_model"]


def load_world_model(name_or_path: str | Path = "tiny") -> WorldModel:
    """A trained world model, ready to plan with.

    Args:
        name_or_path: ``"tiny"``, the model shipped in this package; or the path of a checkpoint
            folder or of an official V-JEPA 2 file.

    Raises:
        ValueError: no such model, or the file is not one; the message says what is allowed.
    """
    from worldsim.checkpoint import load_world_model as load

    return load(name_or_path)
