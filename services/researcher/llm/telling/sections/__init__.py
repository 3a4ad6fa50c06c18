"""What a language model is told before it proposes, a section each, in up to three forms."""
