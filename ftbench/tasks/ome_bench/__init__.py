"""oMeBench: how an organic reaction happens, step by step."""
