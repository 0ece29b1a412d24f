"""What a world model and its heads learn from, and how; one part of the training a file."""
