"""Writes the brief with a language model: what a job asks for, and what was found about it."""
