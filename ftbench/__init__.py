"""FT-Bench: tasks and metrics for systems that fine-tune by themselves."""
