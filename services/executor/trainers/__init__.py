"""Training methods, one a file, each readable from top to bottom; TRL does the work."""
