"""Rules to add when a plan is made: ``--energy sweeps.rules:WIDE_POST``."""

from worldsim.planning.energies.keep_out import KeepOut

POST = KeepOut(low=(0.47, -0.03, -0.2), high=(0.53, 0.03, 0.4))
"""Something thin and tall in the middle of the table."""

WIDE_POST = KeepOut(low=(0.455, -0.045, -0.2), high=(0.545, 0.045, 0.4))
"""The same with a margin, as an agent is to be told it."""
