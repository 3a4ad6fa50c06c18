"""CS-Bench: knowledge and reasoning in computer science."""
