"""Turns the ideas of a language model into recipes: what it may wish for, and what comes of it."""
