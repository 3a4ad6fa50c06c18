"""A server that speaks as a language model would, and misbehaves as one does: ``trex fake-llm``."""
