"""Factor once, solve many times: dense and sparse matrices, and batches of small systems."""
