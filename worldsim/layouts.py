"""How a V-JEPA 2 checkpoint is laid out on disk."""

from __future__ import annotations

from typing import Literal, get_args

Layout = Literal["official", "hugging-face", "worldsim"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
