"""Carry it out: prepare the data, train in a child process, hand back a checkpoint."""
