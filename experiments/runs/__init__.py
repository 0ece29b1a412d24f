"""How a number is made: one episode loop, workers, results on disk, statistics."""
