"""Runs as one compact file, to be kept: Parquet, with what is alike in a run said once.

    worldsim pack runs/reported --out results/reported.parquet

``report``, ``learning`` and ``readme`` read such files as they read folders. What they leave out is
what videos are drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class PackConfig:
    """Options of ``worldsim pack``.

    Attributes:
        folders: of sweeps, comparisons or evaluations, or files packed before.
        out: the Parquet file to write; what it held before is replaced.
    """

    folders: Positional[tuple[str, ...]]
    out: str
