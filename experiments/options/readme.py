"""The README's tables, made from the logs in ``results/``.

    worldsim readme            write them again
    worldsim readme --check    only say whether they are up to date

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; the rest stays.
New numbers come by ``worldsim pack RUNS --out results/reported.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadmeConfig:
    """Options of ``worldsim readme``.

    Attributes:
        check: write nothing; fail when the tables differ from the logs.
    """

    check: bool = False
