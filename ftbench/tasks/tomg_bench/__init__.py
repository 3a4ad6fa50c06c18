"""TOMG-Bench: molecules that do what an instruction asks, checked by RDKit."""
