"""Side tasks that every model can do a little of, to see whether fine-tuning took that away."""
