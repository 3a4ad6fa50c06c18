"""Where what one host makes is found by the others: a folder that all see, or a bucket."""
