"""Everything that runs: the ``worldsim`` command, the one episode loop, comparisons, reports."""
