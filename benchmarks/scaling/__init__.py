"""How the work that gets done grows with the executors, 1 to 256 of them on a small machine."""
