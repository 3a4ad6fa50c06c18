"""Asks a language model behind an endpoint; what is asked, and why, is the operators' business."""
