"""Asks a language model behind an endpoint, and pays for no reply twice."""
