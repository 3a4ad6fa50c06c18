"""Tasks of lm-evaluation-harness, which runs in a process and an environment of its own."""
