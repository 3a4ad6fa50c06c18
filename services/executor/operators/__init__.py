"""Steps of data preparation, one a file: samples in, samples out."""
