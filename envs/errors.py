"""What can go wrong that is nobody's wrong input."""

from __future__ import annotations


class PhysicsError(RuntimeError):
    """The simulation diverged: its numbers mean nothing, and the episode is over."""
