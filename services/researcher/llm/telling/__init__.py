"""Tells a language model what there is to know, within the tokens there are."""
