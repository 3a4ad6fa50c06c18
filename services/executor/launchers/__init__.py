"""Where a run trains: in a process of this machine, or in a place that a cluster gives it."""
