"""A recipe as other tools read it: their data files and their configuration."""
