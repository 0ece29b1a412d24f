"""What a finished comparison or sweep leaves for people: tables, figures, videos, the page.

worldsim report runs/compare
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class ReportConfig:
    """Options of ``worldsim report``.

    Attributes:
        folder: of a sweep, a comparison or a single run.
    """

    folder: Positional[str]
