"""A researcher that asks a language model. What that replies is data, never an instruction."""
