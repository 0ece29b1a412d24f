"""Search for cheap sequences of actions: planners, one a file, and the costs they search."""
