"""Is this machine set up? Says what is wrong and how to mend it.

worldsim doctor
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DoctorConfig:
    """No options."""
