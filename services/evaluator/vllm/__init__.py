"""Scores with vLLM: a server for each base model, adapters loaded into it while it runs."""
