"""Runs what a job brings to judge answers, where it can reach nothing else."""
