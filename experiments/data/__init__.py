"""Training data: collected, described, checked."""
