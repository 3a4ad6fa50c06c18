"""ACI-BENCH: clinical notes from conversations between doctor and patient."""
