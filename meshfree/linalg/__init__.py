"""Factor once, solve many times: dense and sparse matrices, and batches of small systems."""

from .factor import factor

__all__ = ["factor"]
