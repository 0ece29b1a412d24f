"""What can go wrong and has a name of its own."""

from __future__ import annotations


class UserError(ValueError):
    """A mistake that a person can mend: the message says what was given and what is allowed.

    The command line prints it as one sentence; any other error is a fault of ours and shows its
    traceback. ``envs.errors`` has its own: ``worldsim`` and ``envs`` do not know each other.
    """
