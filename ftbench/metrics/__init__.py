"""Metrics over answers, one a file. Pure Python; each in [0, 1], higher is better."""
