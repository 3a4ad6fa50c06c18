"""Asks a language model over HTTP: paid for before, repaired twice, left alone while it is away."""
