"""Steps of data preparation, one a file; how they are put together is in `stages`."""
