"""All episodes of all runs in one table: Parquet and CSV, for pandas, R or a spreadsheet.

    worldsim results runs/sweep

writes ``episodes.parquet`` and ``episodes.csv``; docs/results.md says what the columns are.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class ResultsConfig:
    """Options of ``worldsim results``.

    Attributes:
        folder: of a sweep, a comparison or a single run.
        out: where the tables go; default: the folder itself.
    """

    folder: Positional[str]
    out: str | None = None
