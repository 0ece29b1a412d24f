"""What every command can be told, one command a file; importing them loads nothing heavy."""
