"""Everything that learns: one file each, and what they share."""
